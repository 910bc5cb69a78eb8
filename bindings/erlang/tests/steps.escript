#!/usr/bin/env escript
%% Runs generated/tests/steps.json: every test on one handle a scenario, as tests/conformance/run_steps.py.
%%
%% steps.escript STEPS.json TMP [PREFIX]: PREFIX picks tests by the beginning of their names; TMP is an empty directory.
-mode(compile).

-define(MIB, 1048576).
%% Milliseconds; a call that takes longer hangs.
-define(LIMIT, 120000).

main([Steps, Tmp]) ->
    main([Steps, Tmp, ""]);
main([Steps, Tmp, Prefix]) ->
    {ok, Text} = file:read_file(Steps),
    #{<<"tests">> := Tests} = steps_json:parse(Text),
    Chosen = [T || #{<<"name">> := Name} = T <- Tests, lists:prefix(Prefix, binary_to_list(Name))],
    Results = lists:append([scenario(S, Chosen, Tmp) || S <- [<<"none">>, <<"disks">>, <<"scratch-fs">>]]),
    Failed = length([R || R <- Results, R =/= ok]),
    io:format("~b passed, ~b failed~n", [length(Results) - Failed, Failed]),
    halt(if Failed =:= 0, Results =/= [] -> 0; true -> 1 end).

scenario(Scenario, Tests, Tmp) ->
    Run = fun(#{<<"name">> := Name, <<"steps">> := Steps}, {Results, Old}) ->
        %% Tests of a handle that is not launched change its properties: each gets a new one.
        G = case Old of
            none -> open(Scenario);
            _ when Scenario =:= <<"none">> -> ok = guestfs:close(Old), open(Scenario);
            _ -> Old
        end,
        put(place, reset),
        try
            reset(Scenario, G),
            lists:foreach(fun({N, Step}) ->
                put(place, N),
                {ok, Timer} = timer:apply_interval(?LIMIT, guestfs, user_cancel, [G]),
                step(G, Step, list_to_binary(Tmp)),
                timer:cancel(Timer)
            end, lists:zip(lists:seq(0, length(Steps) - 1), Steps)),
            {[ok | Results], G}
        catch
            _:Why ->
                io:format("~s, step ~p: ~0p~n", [Name, get(place), Why]),
                guestfs:close(G),
                {[failed | Results], none}
        end
    end,
    {Results, Last} = lists:foldl(Run, {[], none}, [T || #{<<"scenario">> := S} = T <- Tests, S =:= Scenario]),
    Last =:= none orelse guestfs:close(Last),
    Results.

open(Scenario) ->
    {ok, G} = guestfs:create(),
    Sizes = case Scenario of
        <<"none">> -> [];
        <<"disks">> -> [1024, 256];
        <<"scratch-fs">> -> [1024, 256, 256]
    end,
    [ok = guestfs:add_drive_scratch(G, Size * ?MIB) || Size <- Sizes],
    Sizes =:= [] orelse (ok = guestfs:launch(G)),
    length(Sizes) =:= 3 andalso (ok = guestfs:mkfs(G, "ext4", "/dev/sdc")),
    G.

%% The state that the scenario promises.
reset(<<"none">>, _) ->
    ok;
reset(<<"disks">>, G) ->
    ok = guestfs:umount_all(G),
    ok = guestfs:vg_activate_all(G, false),
    Parts = guestfs:list_partitions(G),
    [wipe(G, Part, false) || Part <- Parts],
    lists:foreach(fun(Disk) ->
        lists:any(fun(Part) -> lists:prefix(Disk, Part) end, Parts) andalso (ok = guestfs:part_init(G, Disk, "mbr")),
        wipe(G, Disk, true)
    end, ["/dev/sda", "/dev/sdb"]);
reset(<<"scratch-fs">>, G) ->
    ok = guestfs:umount_all(G),
    ok = guestfs:mount(G, "/dev/sdc", "/"),
    true = is_integer(guestfs:umask(G, 8#22)),
    [ok = guestfs:rm_rf(G, ["/", Name]) || Name <- guestfs:ls(G, "/"), Name =/= "lost+found"].

wipe(G, Device, BothEnds) ->
    Size = guestfs:blockdev_getsize64(G, Device),
    true = is_integer(guestfs:pwrite_device(G, Device, binary:copy(<<0>>, min(Size, ?MIB)), 0)),
    BothEnds andalso Size > ?MIB andalso guestfs:pwrite_device(G, Device, binary:copy(<<0>>, ?MIB), Size - ?MIB).

step(G, #{<<"expect">> := Expect} = Step, Tmp) ->
    [{Kind, Want}] = maps:to_list(Expect),
    case {Kind, action(G, Step, Tmp)} of
        {<<"error">>, {error, Message, Errno}} ->
            Want =:= undefined orelse Want =:= name(Errno) orelse error({Message, Errno, Want});
        {_, {error, _, _} = Error} ->
            error(Error);
        {<<"ok">>, _} ->
            ok;
        {_, Got} ->
            compare(Kind, Got, value(Want, Tmp)) orelse error({got, Got, expected, Kind, Want})
    end.

action(_, #{<<"local_write">> := #{<<"path">> := Path, <<"content">> := Content}}, Tmp) ->
    ok = file:write_file(value(Path, Tmp), value(Content, Tmp));
action(_, #{<<"local_read">> := #{<<"path">> := Path}}, Tmp) ->
    {ok, Content} = file:read_file(value(Path, Tmp)),
    Content;
action(G, #{<<"call">> := Call, <<"args">> := Args, <<"opts">> := Opts}, Tmp) ->
    Options = [[{binary_to_atom(K), value(V, Tmp)} || {K, V} <- maps:to_list(Opts)] || Opts =/= #{}],
    apply(guestfs, binary_to_existing_atom(Call), [G | value(Args, Tmp)] ++ Options).

%% A value of the file as an argument.
value(V, Tmp) when is_binary(V) -> binary:replace(V, <<"%tmp">>, Tmp, [global]);
value(V, Tmp) when is_list(V) -> [value(I, Tmp) || I <- V];
value(#{<<"bytes">> := Hex}, _) -> << <<(binary_to_integer(Byte, 16))>> || <<Byte:2/binary>> <= Hex >>;
value(V, Tmp) when is_map(V) -> maps:map(fun(_, I) -> value(I, Tmp) end, V);
value(V, _) -> V.

compare(<<"equals">>, Got, Want) -> matches(Got, Want);
compare(<<"contains">>, [First | _] = Got, Want) when is_list(First) -> lists:member(binary_to_list(Want), Got);
compare(<<"contains">>, Got, Want) -> binary:match(iolist_to_binary(Got), Want) =/= nomatch;
compare(<<"unordered">>, Got, Want) -> unordered(Got, Want).

unordered([], []) -> true;
unordered(_, []) -> false;
unordered(Got, [W | Want]) ->
    case lists:splitwith(fun(G) -> not matches(G, W) end, Got) of
        {_, []} -> false;
        {Before, [_ | After]} -> unordered(Before ++ After, Want)
    end.

%% Of tables only the wanted keys count.
matches(Got, Want) when is_map(Want) ->
    Wanted = maps:to_list(Want),
    Has = fun(Table) ->
        lists:all(fun({K, V}) -> lists:any(fun({Key, G}) -> Key =:= K andalso matches(G, V) end, Table) end, Wanted)
    end,
    Hash = lists:all(fun(Pair) -> is_tuple(Pair) end, Got),
    Names = [F || S <- guestfs:structs(), F <- [guestfs:fields(S)], length(F) =:= length(Got)],
    case Hash of
        true -> Has([{list_to_binary(K), V} || {K, V} <- Got]);
        false -> lists:any(fun(F) -> Has(lists:zip([atom_to_binary(N) || N <- F], Got)) end, Names)
    end;
matches(Got, Want) when is_list(Want) ->
    length(Got) =:= length(Want) andalso lists:all(fun({G, W}) -> matches(G, W) end, lists:zip(Got, Want));
matches(Got, Want) when is_float(Want) -> abs(Got - Want) < 0.01;
matches(Got, <<C>>) when is_integer(Got) -> Got =:= C;
matches(Got, Want) when is_binary(Want), is_list(Got) -> list_to_binary(Got) =:= Want;
matches(Got, Want) -> Got =:= Want.

name(Errno) ->
    Names = #{1 => <<"EPERM">>, 2 => <<"ENOENT">>, 5 => <<"EIO">>, 6 => <<"ENXIO">>, 9 => <<"EBADF">>, 12 => <<"ENOMEM">>,
        13 => <<"EACCES">>, 16 => <<"EBUSY">>, 17 => <<"EEXIST">>, 18 => <<"EXDEV">>, 19 => <<"ENODEV">>,
        20 => <<"ENOTDIR">>, 21 => <<"EISDIR">>, 22 => <<"EINVAL">>, 27 => <<"EFBIG">>, 28 => <<"ENOSPC">>,
        30 => <<"EROFS">>, 34 => <<"ERANGE">>, 36 => <<"ENAMETOOLONG">>, 39 => <<"ENOTEMPTY">>, 40 => <<"ELOOP">>,
        61 => <<"ENODATA">>, 71 => <<"EPROTO">>, 95 => <<"ENOTSUP">>},
    maps:get(Errno, Names, Errno).
