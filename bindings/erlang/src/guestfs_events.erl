%% SPDX-License-Identifier: LGPL-2.1-or-later

%% @doc Classes of events, and the process that calls functions for events.
%%
%% In: names of classes; functions with their arguments. Out: bits, and strings; the functions' effects, one after the
%% other: they may take their time, fail, make calls and close the handle.
%% @private
-module(guestfs_events).

-export([mask/1, event_to_string/1, teller/1]).

-define(EINVAL, 22).

%% @doc The bits of classes.
mask(all) ->
    mask([E || {E, _} <- guestfs:events()]);
mask(Event) when is_atom(Event), Event =/= [] ->
    mask([Event]);
mask(Events) ->
    try lists:foldl(fun(E, Mask) -> (1 bsl proplists:get_value(E, guestfs:events())) bor Mask end, 0, Events) of
        Mask -> Mask
    catch
        error:_ -> {error, lists:flatten(io_lib:format("no classes of events: ~0p", [Events])), ?EINVAL}
    end.

%% @doc Their names.
event_to_string(Events) ->
    case mask(Events) of
        {error, _, _} = Error ->
            Error;
        Mask ->
            Names = [atom_to_list(E) || {E, Bit} <- guestfs:events(), Mask band (1 bsl Bit) =/= 0],
            lists:flatten(lists:join(",", lists:sort(Names)))
    end.

%% @doc The process, made when the first event needs it. It ends after the process that makes it, or by `stop'.
teller(undefined) ->
    G = self(),
    spawn(fun() -> tell(erlang:monitor(process, G)) end);
teller(Teller) ->
    Teller.

tell(Monitor) ->
    receive
        {call, Function, Live, Args} ->
            try counters:get(Live, 1) =:= 1 andalso apply(Function, Args) of
                _ -> ok
            catch
                Class:Reason:Stack ->
                    error_logger:error_msg("guestfs: an event callback failed: ~p:~p~n~p~n", [Class, Reason, Stack])
            end,
            tell(Monitor);
        stop ->
            ok;
        {'DOWN', Monitor, process, _, _} ->
            ok
    end.
