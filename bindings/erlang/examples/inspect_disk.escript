#!/usr/bin/env escript
%% Say which operating systems are in a disk image, and show what their file systems hold.
%%
%% inspect_disk.escript DISK

main([Disk]) ->
    {ok, G} = guestfs:create(),
    %% Read-only: the image cannot be changed, and a guest may be using it.
    ok = guestfs:add_drive(G, Disk, [{readonly, true}]),
    ok = guestfs:launch(G),
    case guestfs:inspect_os(G) of
        [] ->
            io:put_chars("no operating system found; file systems:\n"),
            [io:format("  ~s: ~s~n", [Device, Kind]) || {Device, Kind} <- guestfs:list_filesystems(G)];
        Roots ->
            [system(G, Root) || Root <- Roots]
    end,
    ok = guestfs:close(G).

system(G, Root) ->
    io:format("Root device: ~s~n", [Root]),
    io:format("  Product name: ~s~n", [guestfs:inspect_get_product_name(G, Root)]),
    Version = [guestfs:inspect_get_major_version(G, Root), guestfs:inspect_get_minor_version(G, Root)],
    io:format("  Version:      ~b.~b~n", Version),
    io:format("  Type:         ~s~n", [guestfs:inspect_get_type(G, Root)]),
    io:format("  Distro:       ~s~n", [guestfs:inspect_get_distro(G, Root)]),
    %% Short mount points first, so that /boot is mounted after /.
    Points = lists:sort(fun({A, _}, {B, _}) -> length(A) =< length(B) end, guestfs:inspect_get_mountpoints(G, Root)),
    lists:foreach(
        fun({Point, Device}) ->
            case guestfs:mount_ro(G, Device, Point) of
                ok -> ok;
                {error, Message, _} -> io:format("~s (ignored)~n", [Message])
            end
        end,
        Points
    ),
    case guestfs:is_file(G, "/etc/issue") of
        true -> io:format("--- /etc/issue ---~n~s~n", [guestfs:cat(G, "/etc/issue")]);
        _ -> ok
    end,
    ok = guestfs:umount_all(G).
