#!/usr/bin/env escript
%% The binding-test calls through Erlang: every type of argument, option and result, and every error.
%%
%% bindtests.escript OUT: the library writes the arguments it received to OUT, for comparison with
%% ../../c/tests/bindtests.expected; results are checked here.
-mode(compile).

main([Out]) ->
    {ok, G} = guestfs:create(),
    arguments(G, Out),
    wrong(G),
    results(G),
    errors(G),
    ok = guestfs:close(G),
    {error, "the handle is closed", 9} = guestfs:internal_test_rint(G, "1"),
    io:put_chars("ok\n").

%% In the order of bindtests.expected.
arguments(G, Out) ->
    ok = guestfs:internal_test_set_output(G, Out),
    Nul = <<"abc", 0, "abc">>,
    ok = guestfs:internal_test(G, "abc", "def", [], false, 0, 0, "123", "456", Nul),
    ok = guestfs:internal_test(G, <<"abc">>, undefined, [], false, 0, 0, "123", "456", binary_to_list(Nul)),
    ok = guestfs:internal_test(G, "", "", ["1"], true, -1, -1, "", "", [], [{obool, true}]),
    Two = ["a b", <<"é"/utf8>>],
    Big = 9223372036854775807,
    ok = guestfs:internal_test(G, ["x", 255, [<<"y">>]], "def", Two, true, 2147483647, Big, "i", "o", [1, 127],
        [{oint, -2147483647}, {oint64, -Big}]),
    ok = guestfs:internal_test(G, "abc", "def", Two, false, 5, 6, "i", "o", "z",
        [{obool, false}, {ostring, "string"}, {ostringlist, Two}]),
    ok = guestfs:internal_test(G, "abc", "def", [], false, 5, 6, "i", "o", "z", [{ostring, ""}, {ostringlist, []}]),
    ok = guestfs:internal_test_only_optargs(G),
    ok = guestfs:internal_test_only_optargs(G, [{test, 7}]),
    ok = guestfs:internal_test_63_optargs(G, [{opt1, 1}, {opt32, 32}, {opt63, -63}]),
    ok = guestfs:internal_test_close_output(G).

wrong(G) ->
    Try = fun(Place, Value, Words) ->
        Args = setelement(Place, {"abc", "def", [], false, 0, 0, "", "", ""}, Value),
        says(Words, apply(guestfs, internal_test, [G | tuple_to_list(Args)]))
    end,
    Try(1, 1, "str must be a string (iodata), not an integer"),
    Try(1, undefined, "not an atom"),
    Try(1, {}, "not a tuple"),
    Try(1, "a\0b", "NUL inside"),
    Try(1, "ĝ", "unicode:characters_to_binary"),
    Try(2, badarg, "optstr must be a string (iodata), not an atom"),
    Try(2, [$a | badarg], "not an atom"),
    Try(3, "x", "a list of strings, not one string"),
    Try(3, ["a", fun main/1], "something else"),
    Try(3, ["a" | <<"b">>], "proper list"),
    Try(4, 1, "b must be true or false"),
    Try(5, 2147483648, "does not fit 32 bits"),
    Try(5, 1.5, "must be an integer"),
    Try(6, 9223372036854775808, "does not fit 64 bits"),
    Try(6, 1 bsl 5000, "must be an integer"),
    Try(9, <<1:3>>, "something else"),
    Options = fun(List) -> guestfs:internal_test(G, "abc", undefined, [], false, 0, 0, "", "", "", List) end,
    {unknownarg, nosuch} = Options([{nosuch, 1}]),
    says("oint was given twice", Options([{oint, 1}, {oint, 2}])),
    says("oint must be an integer", Options([{oint, "x"}])),
    says("options must be a list", Options(3)),
    says("{Name, Value}", Options([oint])),
    says("{Name, Value}", Options([{oint, 1} | oint])),
    %% Past the module: what the program itself says.
    {unknown, nosuch} = guestfs_port:call(G, nosuch, {}, []),
    says("0 arguments are wanted, 1 were given", guestfs_port:call(G, get_smp, {1}, [])),
    says("trace is missing", guestfs_port:call(G, set_trace, {}, [])),
    says("pointer", guestfs:add_libvirt_dom(G, 0)),
    says("no handle", guestfs:get_smp(g)).

says(Words, {error, Message, 22}) ->
    case string:find(Message, Words) of
        nomatch -> error({Message, Words});
        _ -> ok
    end.

results(G) ->
    10 = guestfs:internal_test_rint(G, "10"),
    10 = guestfs:internal_test_rint64(G, "10"),
    -9223372036854775807 = guestfs:internal_test_rint64(G, "-9223372036854775807"),
    true = guestfs:internal_test_rbool(G, "true"),
    false = guestfs:internal_test_rbool(G, "false"),
    "static string" = guestfs:internal_test_rconststring(G, "x"),
    "static string" = guestfs:internal_test_rconstoptstring(G, "x"),
    %% Any bytes, and of any length.
    [255, 195] = guestfs:internal_test_rstring(G, [255, 195]),
    Long = lists:duplicate(100000, $x),
    Long = guestfs:internal_test_rstring(G, Long),
    [] = guestfs:internal_test_rstringlist(G, "0"),
    ["0", "1", "2"] = guestfs:internal_test_rstringlist(G, "3"),
    [{"0", "0"}, {"1", "1"}] = guestfs:internal_test_rhashtable(G, "2"),
    <<"01234">> = guestfs:internal_test_rbufferout(G, "01234"),
    <<>> = guestfs:internal_test_rbufferout(G, ""),
    pv(guestfs:internal_test_rstruct(G, "unused"), 0),
    [] = guestfs:internal_test_rstructlist(G, "0"),
    Pvs = guestfs:internal_test_rstructlist(G, "5"),
    5 = length(Pvs),
    lists:foreach(fun({Pv, N}) -> pv(Pv, N) end, lists:zip(Pvs, lists:seq(0, 4))).

pv(Pv, N) ->
    Text = integer_to_list(N),
    Words = #{pv_name => "pv" ++ Text, pv_uuid => "12345678901234567890123456789012", pv_fmt => "unknown",
        pv_attr => "attr" ++ Text, pv_tags => "tag" ++ Text},
    [maps:get(F, Words, N) || F <- guestfs:fields(lvm_pv)] =:= Pv orelse error(Pv).

errors(G) ->
    Calls = [internal_test_rinterr, internal_test_rint64err, internal_test_rboolerr, internal_test_rconststringerr,
        internal_test_rstringerr, internal_test_rstringlisterr, internal_test_rstructerr,
        internal_test_rstructlisterr, internal_test_rhashtableerr, internal_test_rbufferouterr],
    lists:foreach(fun(Call) -> {error, "error", 0} = guestfs:Call(G) end, Calls),
    %% Not an error in this type.
    undefined = guestfs:internal_test_rconstoptstringerr(G).
