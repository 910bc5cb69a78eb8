#!/usr/bin/env escript
%% No growth, neither of the program nor of Erlang: 10,000 calls of each shape, and 200 handles.
-mode(compile).

main([]) ->
    Before = {length(processes()), length(erlang:ports())},
    {ok, G} = guestfs:create(),
    ok = guestfs:internal_test_set_output(G, "/dev/null"),
    {links, Links} = process_info(G, links),
    [{os_pid, Os}] = [erlang:port_info(P, os_pid) || P <- Links, is_port(P)],
    Buffer = binary:copy(<<0>>, 1000),
    Options = [{obool, true}, {oint, 1}, {oint64, 1}, {ostring, "s"}, {ostringlist, ["x", "y"]}],
    Shapes = [
        fun() -> ok = guestfs:internal_test(G, "abc", "def", ["a", "b"], false, 0, 0, "123", "456", Buffer, Options) end,
        fun() -> {_, _} = guestfs:internal_test(G, "a", undefined, [], false, 0, 0, "", "", Buffer, [{nosuch, 1}]) end,
        fun() -> 1 = guestfs:internal_test_rint(G, "1") end,
        fun() -> 1 = guestfs:internal_test_rint64(G, "1") end,
        fun() -> true = guestfs:internal_test_rbool(G, "true") end,
        fun() -> "static string" = guestfs:internal_test_rconststring(G, "x") end,
        fun() -> "x" = guestfs:internal_test_rstring(G, "x") end,
        fun() -> 20 = length(guestfs:internal_test_rstringlist(G, "20")) end,
        fun() -> 20 = length(guestfs:internal_test_rhashtable(G, "20")) end,
        fun() -> <<_/binary>> = guestfs:internal_test_rbufferout(G, "01234567") end,
        fun() -> 20 = length(guestfs:internal_test_rstructlist(G, "20")) end,
        fun() -> {error, _, _} = guestfs:internal_test_rstructerr(G) end,
        fun() -> ok = guestfs:delete_event_callback(G, guestfs:set_event_callback(G, self(), enter)) end,
        fun() ->
            Id = guestfs:set_event_callback(G, fun(_, _, _, _, _) -> ok end, enter),
            _ = guestfs:get_smp(G),
            ok = guestfs:delete_event_callback(G, Id)
        end
    ],
    lists:foreach(fun({N, Shape}) ->
        repeat(2000, Shape),
        {Program, Ours} = used(Os, G),
        repeat(10000, Shape),
        {ProgramNow, OursNow} = used(Os, G),
        ProgramNow - Program < 1024 orelse error({shape, N, program, ProgramNow - Program}),
        OursNow - Ours < 1 bsl 20 orelse error({shape, N, erlang, OursNow - Ours})
    end, lists:zip(lists:seq(1, length(Shapes)), Shapes)),
    ok = guestfs:close(G),
    %% Handles that are left by the process that made them, a few at a time.
    repeat(20, fun() ->
        Makers = [spawn_monitor(fun() -> {ok, H} = guestfs:create(), guestfs:get_smp(H), exit({made, H}) end)
            || _ <- lists:seq(1, 10)],
        Made = [receive {'DOWN', M, process, P, {made, H}} -> monitor(process, H) end || {P, M} <- Makers],
        [receive {'DOWN', M, process, _, _} -> ok end || M <- Made]
    end),
    %% The last of them are a moment from their ends.
    until(fun() -> {length(processes()), length(erlang:ports())} =:= Before end, 50),
    io:put_chars("ok\n").

until(_, 0) -> error({left, processes(), erlang:ports()});
until(Done, N) -> Done() orelse (timer:sleep(100) =:= ok andalso until(Done, N - 1)).

repeat(0, _) -> ok;
repeat(N, F) -> F(), repeat(N - 1, F).

%% KiB of the program, bytes of Erlang's processes and binaries after a collection.
used(Os, G) ->
    {ok, Text} = file:read_file("/proc/" ++ integer_to_list(Os) ++ "/status"),
    {match, [KiB]} = re:run(Text, "VmRSS:\\s+(\\d+)", [{capture, all_but_first, binary}]),
    [erlang:garbage_collect(P) || P <- [self(), G]],
    {binary_to_integer(KiB), erlang:memory(processes) + erlang:memory(binary)}.
