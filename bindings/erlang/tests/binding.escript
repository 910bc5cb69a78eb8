#!/usr/bin/env escript
%% What a handle has beside calls: closing, errors, events, numbers, cancelling, processes that end.
%%
%% binding.escript DIR: works in DIR; one handle is launched.
-mode(compile).

main([Dir]) ->
    logger:set_primary_config(level, none),
    Parts = [fun creating/1, fun closing/1, fun errors/1, fun numbers/1, fun events/1, fun functions/1, fun dying/1,
        fun hostile/1, fun owners/1, fun launched/1],
    lists:foreach(fun(Part) -> Part(Dir) end, Parts),
    io:put_chars("ok\n").

creating(Dir) ->
    {ok, G} = guestfs:create("env LC_ALL=C " ++ program()),
    ok = guestfs:close(G),
    {ok, H} = guestfs:create(list_to_binary(program()), [{close_on_exit, false}, {environment, true}]),
    ok = guestfs:close(H),
    %% What the environment says is not read.
    os:putenv("LIBGUESTFS_MEMSIZE", "1234"),
    {ok, With} = guestfs:create(),
    {ok, Without} = guestfs:create([{environment, false}]),
    1234 = guestfs:get_memsize(With),
    true = 1234 =/= guestfs:get_memsize(Without),
    os:unsetenv("LIBGUESTFS_MEMSIZE"),
    ok = guestfs:close(With),
    ok = guestfs:close(Without),
    {error, _, 22} = guestfs:create([{enviroment, false}]),
    {error, _, 22} = guestfs:create(17),
    {error, _, 32} = guestfs:create("/bin/false"),
    {error, _, 32} = guestfs:create(filename:join(Dir, "nosuch")),
    %% Says something, but not what we understand.
    {error, _, 71} = guestfs:create("printf '\\0\\0\\0\\01x'; sleep 1"),
    {error, _, 71} = guestfs:create("printf '\\0\\0\\0\\012\\0\\0\\0\\0\\0\\0\\0\\0xx'; sleep 1").

program() ->
    filename:join([filename:dirname(code:which(guestfs)), "..", "priv", "erl-guestfs"]).

closing(_) ->
    {ok, G} = guestfs:create(),
    Close = guestfs:set_event_callback(G, self(), close),
    ok = guestfs:close(G),
    receive {guestfs_event, G, close, Close, <<>>, []} -> ok end,
    Closed = {error, "the handle is closed", 9},
    Closed = guestfs:close(G),
    Closed = guestfs:get_memsize(G),
    Closed = guestfs:user_cancel(G),
    Closed = guestfs:set_event_callback(G, self(), close),
    Closed = guestfs:delete_event_callback(G, 1),
    %% Closed by a callback of the call: the call ends, and what comes behind it has an error.
    {ok, H} = guestfs:create(),
    Self = self(),
    guestfs:set_event_callback(H, fun(X, enter, _, _, _) -> Self ! {closed, guestfs:close(X)} end, enter),
    true = is_integer(guestfs:get_smp(H)),
    receive {closed, ok} -> ok end,
    Closed = guestfs:get_smp(H).

errors(_) ->
    {ok, G} = guestfs:create(),
    {error, Message, 2} = guestfs:add_drive(G, "/nonexistent/disk.img"),
    true = string:find(Message, "/nonexistent/disk.img") =/= nomatch,
    %% Bytes that are not UTF-8 come back as they went.
    {error, Bytes, 2} = guestfs:add_drive(G, ["/nonexistent/", 255]),
    true = lists:member(255, Bytes),
    ok = guestfs:close(G).

numbers(Dir) ->
    {ok, G} = guestfs:create(),
    Size = 4294967296 + 1048576,
    Big = filename:join(Dir, "big.img"),
    ok = guestfs:disk_create(G, Big, "qcow2", Size, [{clustersize, 65536}]),
    Size = guestfs:disk_virtual_size(G, Big),
    "qcow2" = guestfs:disk_format(G, Big),
    ok = guestfs:set_backend_settings(G, ["a", <<"b=é"/utf8>>]),
    ["a", Setting] = guestfs:get_backend_settings(G),
    "b=é" = unicode:characters_to_list(list_to_binary(Setting)),
    undefined = guestfs:get_append(G),
    ok = guestfs:set_append(G, "x y"),
    "x y" = guestfs:get_append(G),
    ok = guestfs:set_append(G, undefined),
    [1, _, _, _] = guestfs:version(G),
    [major, minor, release, extra] = guestfs:fields(version),
    ok = guestfs:close(G).

events(_) ->
    10 = length(guestfs:events()),
    "close,trace" = guestfs:event_to_string([trace, close]),
    {error, _, 22} = guestfs:event_to_string([nosuch]),
    {ok, G} = guestfs:create(),
    Trace = guestfs:set_event_callback(G, self(), trace),
    Enter = guestfs:set_event_callback(G, self(), [enter]),
    All = guestfs:set_event_callback(G, self(), all),
    ok = guestfs:set_trace(G, true),
    flush(),
    Smp = guestfs:get_smp(G),
    Text = list_to_binary(["get_smp = ", integer_to_list(Smp)]),
    %% They come before the answer does.
    Seen = flush(),
    [true, true, true] = [lists:member({guestfs_event, G, E, Id, T, []}, Seen)
        || {E, Id, T} <- [{enter, Enter, <<"get_smp">>}, {trace, Trace, Text}, {trace, All, Text}]],
    ok = guestfs:delete_event_callback(G, Trace),
    ok = guestfs:delete_event_callback(G, 4711),
    ok = guestfs:delete_event_callback(G, -1),
    Smp = guestfs:get_smp(G),
    false = lists:member({guestfs_event, G, trace, Trace, Text, []}, flush()),
    {error, _, 22} = guestfs:set_event_callback(G, self(), nosuch),
    {error, _, 22} = guestfs:set_event_callback(G, fun() -> ok end, trace),
    {error, _, 22} = guestfs:set_event_callback(G, nosuch, trace),
    ok = guestfs:close(G),
    flush().

flush() ->
    receive
        M -> [M | flush()]
    after 0 -> []
    end.

%% A function may delete itself, fail, and make calls.
functions(_) ->
    {ok, G} = guestfs:create(),
    Self = self(),
    guestfs:set_event_callback(G, fun(_, _, _, _, _) -> error(broken) end, enter),
    Once = guestfs:set_event_callback(G, fun(X, enter, Id, Name, []) ->
        ok = guestfs:delete_event_callback(X, Id),
        Self ! {once, Id, Name, guestfs:get_program(X)}
    end, enter),
    Smp = guestfs:get_smp(G),
    Smp = guestfs:get_smp(G),
    receive {once, Once, <<"get_smp">>, Program} when is_list(Program) -> ok end,
    receive {once, _, _, _} -> error(twice) after 100 -> ok end,
    ok = guestfs:close(G).

%% The program dies in a call: whoever waits has an error.
dying(_) ->
    {ok, G} = guestfs:create(),
    Os = port_pid(G),
    "" = os:cmd("kill -STOP " ++ Os),
    Callers = [spawn_monitor(fun() -> exit({result, guestfs:get_memsize(G)}) end) || _ <- [1, 2, 3]],
    timer:sleep(50),
    "" = os:cmd("kill -KILL " ++ Os),
    Results = [receive {'DOWN', M, process, P, {result, R}} -> R end || {P, M} <- Callers],
    [{error, Message, 32}] = lists:usort(Results),
    true = string:find(Message, "signal 9") =/= nomatch,
    {error, _, _} = guestfs:get_memsize(G).

port_pid(G) ->
    {links, Links} = process_info(G, links),
    [Port] = [L || L <- Links, is_port(L)],
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    integer_to_list(Pid).

%% Whatever is written to the program, it ends or answers with an error; nobody waits.
hostile(_) ->
    Send = fun(Bytes) ->
        Port = open_port({spawn_executable, program()}, [{packet, 4}, binary, exit_status]),
        receive {Port, {data, <<0:64, _/binary>>}} -> ok end,
        port_command(Port, Bytes),
        case Bytes of
            <<0:64, _/binary>> -> port_command(Port, [<<7:64>>, term_to_binary({get_smp, {}, []})]);
            _ -> ok
        end,
        Answer = receive {Port, {data, <<Id:64, T/binary>>}} -> {Id, binary_to_term(T)}; {Port, {exit_status, S}} -> S end,
        catch port_close(Port),
        Answer
    end,
    0 = Send(<<1, 2, 3>>),
    {9, {error, _, 22}} = Send(<<9:64>>),
    {9, {error, _, 22}} = Send(<<9:64, 131>>),
    {9, {error, _, 22}} = Send(<<9:64, 131, 104, 3, 119, 255, "abc">>),
    {9, {error, _, 22}} = Send(<<9:64, 131, 104, 3, 119, 2, "ls", 104, 1, 108, 16#ffffffff:32>>),
    {7, 1} = Send(<<0:64, "garbage">>),
    rand:seed(exsss, {1, 2, 3}),
    Good = term_to_binary({mkfs, {"ext4", <<"/dev/sda">>}, [{label, "x"}, {inode, 1 bsl 40}]}),
    {ok, G} = guestfs:create(),
    lists:foreach(fun(_) ->
        At = rand:uniform(byte_size(Good)) - 1,
        <<Before:At/binary, _, After/binary>> = Good,
        Term = <<Before/binary, (rand:uniform(256) - 1), After/binary>>,
        case guestfs_port:raw(G, Term) of
            {error, M, _} when is_list(M) -> ok;
            {unknown, N} when is_atom(N) -> ok;
            {unknownarg, N} when is_atom(N) -> ok
        end
    end, lists:seq(1, 2000)),
    ok = guestfs:close(G).

%% The process that made a handle ends: the handle is closed, and its program ends.
owners(_) ->
    Self = self(),
    Made = fun(Options) ->
        {P, M} = spawn_monitor(fun() -> {ok, G} = guestfs:create(Options), Self ! {made, G, port_pid(G)} end),
        receive {made, G, Os} -> ok end,
        receive {'DOWN', M, process, P, _} -> {G, Os} end
    end,
    {G, Os} = Made([{environment, true}]),
    Monitor = monitor(process, G),
    receive {'DOWN', Monitor, process, G, _} -> ok after 10000 -> error(lives) end,
    gone(Os),
    {H, _} = Made([{owner, none}]),
    true = is_list(guestfs:get_program(H)),
    ok = guestfs:close(H),
    {I, Os3} = Made([{owner, self()}]),
    true = is_list(guestfs:get_program(I)),
    exit(I, kill),
    gone(Os3).

gone(Os) -> gone(Os, 100).

gone(Os, 0) -> error({lives, Os});
gone(Os, N) ->
    case file:read_file_info("/proc/" ++ Os) of
        {error, enoent} -> ok;
        _ -> timer:sleep(50), gone(Os, N - 1)
    end.

%% On a machine: cancelling, progress, other processes at work meanwhile.
launched(Dir) ->
    {ok, G} = guestfs:create(),
    guestfs:set_event_callback(G, self(), [launch_done, progress]),
    ok = guestfs:add_drive_scratch(G, 1 bsl 30),
    ok = guestfs:launch(G),
    receive {guestfs_event, G, launch_done, _, <<>>, []} -> ok end,
    ok = guestfs:part_disk(G, "/dev/sda", "mbr"),
    ok = guestfs:mkfs(G, "ext4", "/dev/sda1"),
    ok = guestfs:mount(G, "/dev/sda1", "/"),
    %% Whole both ways.
    Time = 4294967296 * 2,
    ok = guestfs:touch(G, "/t"),
    ok = guestfs:utimens(G, "/t", Time, 0, Time, 0),
    Stat = lists:zip(guestfs:fields(statns), guestfs:statns(G, "/t")),
    Time = proplists:get_value(st_mtime_sec, Stat),
    %% A transfer that does not end by itself, cancelled by another process. This process runs meanwhile.
    Fifo = filename:join(Dir, "fifo"),
    "" = os:cmd("mkfifo '" ++ Fifo ++ "'"),
    Holder = open_port({spawn, "sh -c 'exec 3<>" ++ Fifo ++ "; head -c 100000 /dev/zero >&3; exec sleep 60'"}, []),
    Upload = fun() -> exit({result, guestfs:upload(G, Fifo, "/u")}) end,
    {P, M} = spawn_monitor(Upload),
    timer:sleep(500),
    true = is_process_alive(P),
    ok = guestfs:user_cancel(G),
    receive {'DOWN', M, process, P, {result, {error, _, 4}}} -> ok after 20000 -> error(not_cancelled) end,
    %% The caller is killed: its call is cancelled, and that of one who waited behind it is made.
    {Q, _} = spawn_monitor(Upload),
    timer:sleep(300),
    Self = self(),
    spawn_link(fun() -> Self ! {waited, guestfs:ls(G, "/")} end),
    {Unmade, _} = spawn_monitor(fun() -> guestfs:mkdir(G, "/never") end),
    timer:sleep(100),
    exit(Unmade, kill),
    exit(Q, kill),
    receive {waited, Names} when is_list(Names) -> ok after 20000 -> error(not_cancelled) end,
    false = guestfs:exists(G, "/never"),
    %% The handle's process is killed in a call: program and machine end.
    spawn(Upload),
    timer:sleep(300),
    Os = port_pid(G),
    Qemu = integer_to_list(guestfs_pid(Os)),
    exit(G, kill),
    gone(Os, 200),
    gone(Qemu, 200),
    catch port_close(Holder).

%% A child of the program.
guestfs_pid(Os) ->
    [Child | _] = string:lexemes(os:cmd("cat /proc/" ++ Os ++ "/task/*/children"), " \n"),
    list_to_integer(Child).
