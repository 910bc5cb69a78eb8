(* Say which operating systems are in a disk image, and show what their file systems hold.

   inspect_disk DISK *)

let describe (g : Guestfs.guestfs) root =
  Printf.printf "Root device: %s\n" root;
  Printf.printf "  Product name: %s\n" (g#inspect_get_product_name root);
  Printf.printf "  Version:      %d.%d\n" (g#inspect_get_major_version root) (g#inspect_get_minor_version root);
  Printf.printf "  Type:         %s\n" (g#inspect_get_type root);
  Printf.printf "  Distro:       %s\n" (g#inspect_get_distro root);

  (* Short mount points first, so that /boot is mounted after /. *)
  let shorter (a, _) (b, _) = compare (String.length a) (String.length b) in
  List.iter
    (fun (point, device) ->
      try g#mount_ro device point with Guestfs.Error message -> Printf.printf "%s (ignored)\n" message)
    (List.sort shorter (g#inspect_get_mountpoints root));
  if g#is_file "/etc/issue" then Printf.printf "--- /etc/issue ---\n%s\n" (g#cat "/etc/issue");
  g#umount_all ()

let () =
  if Array.length Sys.argv <> 2 then (prerr_endline "usage: inspect_disk DISK"; exit 2);
  let g = new Guestfs.guestfs () in

  (* Read-only: the image cannot be changed, and a guest may be using it. *)
  g#add_drive ~readonly:true Sys.argv.(1);
  g#launch ();

  let roots = g#inspect_os () in
  Array.iter (describe g) roots;
  if roots = [||] then begin
    print_endline "no operating system found; file systems:";
    List.iter (fun (device, kind) -> Printf.printf "  %s: %s\n" device kind) (g#list_filesystems ())
  end;
  g#close ()
