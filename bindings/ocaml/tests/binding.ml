(* What module Guestfs has beside calls: closing, events, threads, errors, the class, exit.

   binding DIR: works in DIR, with handles that are not launched. *)

let fails f =
  match f () with
  | _ -> failwith "did not fail"
  | exception Guestfs.Error e -> e

let contains text part =
  let n = String.length part in
  let rec at i = i + n <= String.length text && (String.sub text i n = part || at (i + 1)) in
  at 0

let is_closed f =
  match f () with
  | _ -> false
  | exception Guestfs.Handle_closed _ -> true

let errors () =
  let g = Guestfs.create () in
  assert (Guestfs.last_errno g = 0);
  assert (contains (fails (fun () -> Guestfs.add_drive g "/nonexistent/disk.img")) "/nonexistent/disk.img");
  assert (Guestfs.last_errno g = Guestfs.Errno.errno_ENOENT);
  assert (Guestfs.Errno.(errno_E2BIG, errno_ENOENT, errno_EXDEV, errno_EXFULL) = (7, 2, 18, 54));
  assert (Guestfs.get_append g = None);
  Guestfs.set_append g (Some "quiet");
  assert (Guestfs.get_append g = Some "quiet");
  Guestfs.set_backend_settings g [| "force_tcg"; "a=b" |];
  assert (Guestfs.get_backend_settings g = [| "force_tcg"; "a=b" |]);
  let v = Guestfs.version g in
  assert (v.Guestfs.major = 1L);
  Guestfs.close g

let options dir =
  let disk = Filename.concat dir "ocaml.qcow2" in
  let g = new Guestfs.guestfs ~environment:false ~close_on_exit:false () in
  g#disk_create ~clustersize:65536 disk "qcow2" 1048576L;
  assert (g#disk_format disk = "qcow2");
  assert (g#disk_virtual_size disk = 1048576L);
  g#add_drive ~readonly:true ~format:"qcow2" disk;
  g#add_drive_opts ~format:"qcow2" ~label:"abc" disk;
  assert (Guestfs.get_smp g#ocaml_handle = g#get_smp ());
  g#close ();
  assert (is_closed g#get_smp)

let events () =
  let g = Guestfs.create () in
  let seen = ref [] in
  let listen event handle text numbers = seen := (event, handle, text, numbers) :: !seen in
  let trace = Guestfs.set_event_callback g listen [ Guestfs.EVENT_TRACE ] in
  let enter = Guestfs.set_event_callback g listen [ Guestfs.EVENT_ENTER; Guestfs.EVENT_CLOSE ] in
  Guestfs.set_trace g true;
  seen := [];
  assert (Guestfs.get_smp g = 1);
  assert (List.mem (Guestfs.EVENT_ENTER, enter, "get_smp", [||]) !seen);
  assert (List.mem (Guestfs.EVENT_TRACE, trace, "get_smp = 1", [||]) !seen);
  Guestfs.delete_event_callback g trace;
  seen := [];
  assert (Guestfs.get_smp g = 1);
  assert (List.length !seen = 1);
  (* The exception is printed on stderr; the call goes on. *)
  let broken = Guestfs.set_event_callback g (fun _ _ _ _ -> failwith "expected") [ Guestfs.EVENT_ENTER ] in
  assert (Guestfs.get_smp g = 1);
  Guestfs.delete_event_callback g broken;
  (* Calls from callbacks, and garbage all the while. *)
  let inside = ref 0 in
  let nested _ _ text _ =
    ignore (Array.init 100 string_of_int);
    Gc.full_major ();
    if text = "get_smp" then inside := Guestfs.get_memsize g
  in
  ignore (Guestfs.set_event_callback g nested [ Guestfs.EVENT_ENTER ]);
  assert (Guestfs.get_smp g = 1 && !inside = Guestfs.get_memsize g);
  seen := [];
  Guestfs.close g;
  assert (List.mem (Guestfs.EVENT_CLOSE, enter, "", [||]) !seen);
  assert (Guestfs.event_to_string [ Guestfs.EVENT_TRACE; Guestfs.EVENT_CLOSE ] = "close,trace");
  assert (List.length Guestfs.event_all = 10)

let closed_inside () =
  let g = Guestfs.create () in
  Guestfs.set_trace g true;
  ignore (Guestfs.set_event_callback g (fun _ _ _ _ -> Guestfs.close g) [ Guestfs.EVENT_TRACE ]);
  assert (Guestfs.get_smp g = 1);
  assert (is_closed (fun () -> Guestfs.get_smp g))

let collected () =
  let closed = ref 0 in
  for _ = 1 to 20 do
    let g = Guestfs.create () in
    ignore (Guestfs.set_event_callback g (fun _ _ _ _ -> incr closed) [ Guestfs.EVENT_CLOSE ]);
    assert (Guestfs.get_smp g = 1)
  done;
  Gc.full_major ();
  Gc.full_major ();
  assert (!closed >= 19)

let threads () =
  let g = Guestfs.create () in
  Guestfs.set_trace g true;
  let count = ref 0 in
  ignore (Guestfs.set_event_callback g (fun _ _ _ _ -> incr count; Thread.yield ()) [ Guestfs.EVENT_TRACE ]);
  let before = !count in
  let work () =
    for _ = 1 to 200 do
      ignore (Guestfs.internal_test_rstringlist g "3");
      ignore (Guestfs.get_memsize g)
    done
  in
  List.iter Thread.join (List.init 4 (fun _ -> Thread.create work ()));
  assert (!count - before = 4 * 200 * 4);
  (* Closing while others are inside calls. *)
  for _ = 1 to 20 do
    let g = Guestfs.create () in
    let rec until_closed () =
      match Guestfs.internal_test_rint g "1" with
      | _ -> until_closed ()
      | exception Guestfs.Handle_closed _ -> ()
    in
    let list = List.init 3 (fun _ -> Thread.create until_closed ()) in
    Guestfs.close g;
    List.iter Thread.join list
  done

let () =
  errors ();
  options Sys.argv.(1);
  events ();
  closed_inside ();
  collected ();
  threads ();
  (* Left open: closed when the program ends, while callbacks can still run. *)
  let g = Guestfs.create () in
  ignore (Guestfs.set_event_callback g (fun _ _ _ _ -> print_endline "closed at exit") [ Guestfs.EVENT_CLOSE ]);
  at_exit (fun () -> ignore (Sys.opaque_identity g));
  print_endline "ok"
