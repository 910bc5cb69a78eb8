#!/usr/bin/env escript
%% Make a disk image with a partition, a file system and a few files.
%%
%% create_disk.escript DISK

main([Disk]) ->
    {ok, G} = guestfs:create(),
    %% A sparse raw image of 512 MiB, attached to the handle, whose machine is then started.
    ok = guestfs:disk_create(G, Disk, "raw", 512 * 1024 * 1024),
    ok = guestfs:add_drive(G, Disk, [{format, "raw"}, {readonly, false}]),
    ok = guestfs:launch(G),
    [Device] = guestfs:list_devices(G),
    ok = guestfs:part_disk(G, Device, "mbr"),
    [Partition] = guestfs:list_partitions(G),
    ok = guestfs:mkfs(G, "ext4", Partition, [{label, "erlang"}]),
    ok = guestfs:mount(G, Partition, "/"),
    ok = guestfs:touch(G, "/empty"),
    ok = guestfs:write(G, "/hello", <<"Hello, world\n">>),
    ok = guestfs:mkdir(G, "/foo"),
    %% Errors of shutdown are the last chance to learn that something was not written.
    ok = guestfs:shutdown(G),
    ok = guestfs:close(G).
