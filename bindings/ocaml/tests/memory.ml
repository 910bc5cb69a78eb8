(* No growth: 10 000 calls of each shape, and 200 handles made and dropped. *)

(* This process's memory, in KiB. *)
let resident () =
  let status = open_in "/proc/self/status" in
  let rec find () =
    let line = input_line status in
    try Scanf.sscanf line "VmRSS: %d" Fun.id with Scanf.Scan_failure _ -> find ()
  in
  Fun.protect ~finally:(fun () -> close_in status) find

let fails f =
  match f () with
  | _ -> failwith "did not fail"
  | exception Guestfs.Error _ -> ()

let shapes g =
  let list = [| "a"; "b" |] and buffer = String.make 1000 '\000' in
  [
    (fun () ->
      Guestfs.internal_test g ~obool:true ~oint:1 ~oint64:1L ~ostring:"s" ~ostringlist:list "abc" (Some "def") list false 0
        0L "123" "456" buffer);
    (fun () ->
      ignore (Guestfs.internal_test_rint g "1");
      ignore (Guestfs.internal_test_rint64 g "1");
      ignore (Guestfs.internal_test_rbool g "true"));
    (fun () ->
      ignore (Guestfs.internal_test_rconststring g "x");
      ignore (Guestfs.internal_test_rconstoptstring g "x");
      ignore (Guestfs.internal_test_rstring g "x"));
    (fun () ->
      ignore (Guestfs.internal_test_rstringlist g "20");
      ignore (Guestfs.internal_test_rhashtable g "20"));
    (fun () ->
      ignore (Guestfs.internal_test_rbufferout g "01234567");
      ignore (Guestfs.internal_test_rstruct g "x");
      ignore (Guestfs.internal_test_rstructlist g "20"));
    (fun () ->
      fails (fun () -> Guestfs.internal_test_rstructerr g);
      fails (fun () -> Guestfs.internal_test_rstringlisterr g));
    (fun () ->
      let handle = Guestfs.set_event_callback g (fun _ _ _ _ -> ()) [ Guestfs.EVENT_ENTER ] in
      ignore (Guestfs.get_smp g);
      Guestfs.delete_event_callback g handle);
  ]

(* The collector gives back and takes: a leak is of 16 bytes a call and more, each time. *)
let steady name step =
  let grown () =
    Gc.full_major ();
    let before = resident () in
    for _ = 1 to 10_000 do
      step ()
    done;
    Gc.full_major ();
    resident () - before
  in
  let rec again n = if grown () > 150 then if n = 0 then failwith (name ^ " grows") else again (n - 1) in
  for _ = 1 to 1_000 do
    step ()
  done;
  again 4

let () =
  let g = Guestfs.create () in
  Guestfs.internal_test_set_output g "/dev/null";
  List.iteri (fun n step -> steady (Printf.sprintf "shape %d" n) step) (shapes g);
  let handles () =
    for _ = 1 to 200 do
      let h = Guestfs.create () in
      ignore (Guestfs.set_event_callback h (fun _ _ _ _ -> ()) [ Guestfs.EVENT_ENTER ])
    done;
    Gc.full_major ();
    Gc.full_major ();
    resident ()
  in
  let before = handles () in
  let growth = handles () - before in
  if growth > 2048 then failwith (Printf.sprintf "handles grow by %d KiB" growth)
