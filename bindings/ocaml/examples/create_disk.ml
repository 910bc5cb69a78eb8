(* Make a disk image with a partition, a file system and a few files.

   create_disk DISK *)

let () =
  let output = if Array.length Sys.argv > 1 then Sys.argv.(1) else "disk.img" in
  let g = new Guestfs.guestfs () in

  (* A sparse raw image of 512 MiB, attached to the handle, whose machine is then started. *)
  g#disk_create output "raw" 536870912L;
  g#add_drive ~format:"raw" ~readonly:false output;
  g#launch ();

  let devices = g#list_devices () in
  assert (Array.length devices = 1);
  g#part_disk devices.(0) "mbr";
  let partitions = g#list_partitions () in
  assert (Array.length partitions = 1);

  g#mkfs ~label:"ocaml" "ext4" partitions.(0);
  g#mount partitions.(0) "/";
  g#touch "/empty";
  g#write "/hello" "Hello, world\n";
  g#mkdir "/foo";

  (* Errors of shutdown are the last chance to learn that something was not written. *)
  g#shutdown ();
  g#close ()
