(* The binding-test calls through OCaml: every type of argument, option and result, and every error.

   bindtests OUT: the library writes the arguments it received to OUT, for comparison with
   ../../c/tests/bindtests.expected; results are checked here. *)

let g = Guestfs.create ()

let fails name f =
  match f () with
  | _ -> failwith (name ^ " did not fail")
  | exception Guestfs.Error e -> e

let invalid f =
  match f () with
  | _ -> assert false
  | exception Invalid_argument _ -> ()

let () =
  (* Arguments, in the order of bindtests.expected. *)
  Guestfs.internal_test_set_output g Sys.argv.(1);
  let two = [| "a b"; "\xc3\xa9" |] in
  let big = Int64.max_int in
  let lowest = 1 - 0x80000000 in
  Guestfs.internal_test g "abc" (Some "def") [||] false 0 0L "123" "456" "abc\000abc";
  Guestfs.internal_test g "abc" None [||] false 0 0L "123" "456" "abc\000abc";
  Guestfs.internal_test g ~obool:true "" (Some "") [| "1" |] true (-1) (-1L) "" "" "";
  Guestfs.internal_test g ~oint:lowest ~oint64:(Int64.neg big) "x\xffy" (Some "def") two true 0x7fffffff big "i" "o"
    "\001\127";
  Guestfs.internal_test g ~ostringlist:two ~ostring:"string" ~obool:false "abc" (Some "def") two false 5 6L "i" "o" "z";
  Guestfs.internal_test g ~ostringlist:[||] ~ostring:"" "abc" (Some "def") [||] false 5 6L "i" "o" "z";
  Guestfs.internal_test_only_optargs ?test:None g;
  Guestfs.internal_test_only_optargs ~test:7 g;
  (new Guestfs.guestfs ())#close ();
  Guestfs.internal_test_63_optargs g ~opt1:1 ~opt32:32 ~opt63:(-63)
    ?opt2:None ?opt3:None ?opt4:None ?opt5:None ?opt6:None ?opt7:None ?opt8:None ?opt9:None ?opt10:None
    ?opt11:None ?opt12:None ?opt13:None ?opt14:None ?opt15:None ?opt16:None ?opt17:None ?opt18:None ?opt19:None
    ?opt20:None ?opt21:None ?opt22:None ?opt23:None ?opt24:None ?opt25:None ?opt26:None ?opt27:None ?opt28:None
    ?opt29:None ?opt30:None ?opt31:None ?opt33:None ?opt34:None ?opt35:None ?opt36:None ?opt37:None ?opt38:None
    ?opt39:None ?opt40:None ?opt41:None ?opt42:None ?opt43:None ?opt44:None ?opt45:None ?opt46:None ?opt47:None
    ?opt48:None ?opt49:None ?opt50:None ?opt51:None ?opt52:None ?opt53:None ?opt54:None ?opt55:None ?opt56:None
    ?opt57:None ?opt58:None ?opt59:None ?opt60:None ?opt61:None ?opt62:None;
  Guestfs.internal_test_close_output g;

  (* What C cannot take. *)
  invalid (fun () -> Guestfs.internal_test_rstring g "a\000b");
  invalid (fun () -> Guestfs.internal_test g "a" None [| "b"; "\000" |] true 0 0L "" "" "");
  invalid (fun () -> Guestfs.internal_test_only_optargs ~test:0x80000000 g);

  (* Results. *)
  assert (Guestfs.internal_test_rint g "10" = 10);
  assert (Guestfs.internal_test_rint64 g "10" = 10L);
  assert (Guestfs.internal_test_rbool g "true");
  assert (not (Guestfs.internal_test_rbool g "false"));
  assert (Guestfs.internal_test_rconststring g "x" = "static string");
  assert (Guestfs.internal_test_rconstoptstring g "x" = Some "static string");
  assert (Guestfs.internal_test_rstring g "\xff" = "\xff");
  assert (Guestfs.internal_test_rstringlist g "0" = [||]);
  assert (Guestfs.internal_test_rstringlist g "3" = [| "0"; "1"; "2" |]);
  assert (Guestfs.internal_test_rhashtable g "2" = [ ("0", "0"); ("1", "1") ]);
  assert (Guestfs.internal_test_rhashtable g "0" = []);
  assert (Guestfs.internal_test_rbufferout g "01234" = "01234");
  assert (Guestfs.internal_test_rbufferout g "" = "");
  let pv i =
    let n = Int64.of_int i in
    { Guestfs.pv_name = Printf.sprintf "pv%d" i; pv_uuid = "12345678901234567890123456789012"; pv_fmt = "unknown";
      pv_size = n; dev_size = n; pv_free = n; pv_used = n; pv_attr = Printf.sprintf "attr%d" i; pv_pe_count = n;
      pv_pe_alloc_count = n; pv_tags = Printf.sprintf "tag%d" i; pe_start = n; pv_mda_count = n; pv_mda_free = n }
  in
  assert (Guestfs.internal_test_rstruct g "unused" = pv 0);
  assert (Guestfs.internal_test_rstructlist g "0" = [||]);
  assert (Guestfs.internal_test_rstructlist g "5" = Array.init 5 pv);

  (* Errors. *)
  let is_error name f = assert (fails name (fun () -> ignore (f g)) = "error") in
  is_error "rinterr" Guestfs.internal_test_rinterr;
  is_error "rint64err" Guestfs.internal_test_rint64err;
  is_error "rboolerr" Guestfs.internal_test_rboolerr;
  is_error "rconststringerr" Guestfs.internal_test_rconststringerr;
  is_error "rstringerr" Guestfs.internal_test_rstringerr;
  is_error "rstringlisterr" Guestfs.internal_test_rstringlisterr;
  is_error "rstructerr" Guestfs.internal_test_rstructerr;
  is_error "rstructlisterr" Guestfs.internal_test_rstructlisterr;
  is_error "rhashtableerr" Guestfs.internal_test_rhashtableerr;
  is_error "rbufferouterr" Guestfs.internal_test_rbufferouterr;
  assert (Guestfs.internal_test_rconstoptstringerr g = None);

  (* Many results while the collector moves things. *)
  for i = 1 to 2000 do
    let n = i mod 50 in
    assert (Array.length (Guestfs.internal_test_rstructlist g (string_of_int n)) = n);
    assert (List.length (Guestfs.internal_test_rhashtable g (string_of_int n)) = n);
    if n = 0 then Gc.compact ()
  done;

  Guestfs.close g;
  Guestfs.close g;
  (match Guestfs.internal_test_rint g "1" with
   | _ -> assert false
   | exception Guestfs.Handle_closed name -> assert (name = "internal_test_rint"));
  print_endline "ok"
