%% SPDX-License-Identifier: LGPL-2.1-or-later

%% @doc The process behind a handle of module `guestfs': it owns the port that runs `erl-guestfs'.
%%
%% In: requests of callers, and the program's packets. Out: requests to the program, one call at a time in the order in
%% which they came; answers to callers; events to processes and functions. A caller watches this process, so that it gets
%% an error when the program dies; this process watches callers, so that the call of one that ends is cancelled.
%%
%% Callers write and read the terms of packets themselves: this process passes on their bytes.
%% @private
-module(guestfs_port).

-export([create/2, close/1, call/4, now/4, raw/2, atoms/0]).
-export([set_event_callback/3, delete_event_callback/2]).

%% Longest request that the program reads, and how long it may take to say that it is there.
-define(MAX_REQUEST, 64 * 1024 * 1024 - 64).
-define(PATIENCE, 60000).
%% How often a call that nobody waits for is cancelled: one that has not begun to wait yet does not notice.
-define(AGAIN, 500).

-define(ENOENT, 2).
-define(E2BIG, 7).
-define(EBADF, 9).
-define(EINVAL, 22).
-define(EPIPE, 32).
-define(EPROTO, 71).
-define(ETIMEDOUT, 110).

-record(request, {
    from :: {pid(), reference()},
    %% Of the process that waits for the answer; undefined when it is gone.
    monitor :: reference() | undefined,
    kind :: call | close | now,
    data :: binary()
}).

-record(state, {
    port :: port(),
    program :: string(),
    owner :: reference() | undefined,
    next = 1 :: pos_integer(),
    %% Number of the call that the program makes.
    running :: pos_integer() | undefined,
    %% What the program has got and not answered.
    sent = #{} :: #{pos_integer() => #request{}},
    queue = queue:new() :: queue:queue(#request{}),
    callbacks = #{} :: #{pos_integer() => {pid() | fun(), counters:counters_ref()}},
    %% Calls functions for events.
    teller :: pid() | undefined
}).

%%% For callers.

create(Program, Options) ->
    try {program(Program), settings(Options, {[], self()})} of
        {{error, _, _} = Error, _} -> Error;
        {_, {error, _, _} = Error} -> Error;
        {Command, {Flags, Owner}} -> start(Command, Flags, Owner)
    catch
        error:_ -> fault("create: Program must be a string, and Options a list", ?EINVAL)
    end.

start(Command, Flags, Owner) ->
    Self = self(),
    {G, Monitor} = spawn_monitor(fun() -> init(Self, Command, Flags, Owner) end),
    receive
        {guestfs_created, G, Result} ->
            erlang:demonitor(Monitor, [flush]),
            Result;
        {'DOWN', Monitor, process, G, Reason} ->
            fault(io_lib:format("create: ~0p", [Reason]), ?EPIPE)
    end.

close(G) -> request(G, close, close, {}, []).

call(G, Name, Args, Options) -> request(G, call, Name, Args, Options).

now(G, Name, Args, Options) -> request(G, now, Name, Args, Options).

%% A request as bytes, for tests.
raw(G, Data) -> request(G, {call, Data}).

set_event_callback(G, Callback, Events) when is_pid(Callback); is_function(Callback, 5) ->
    case guestfs_events:mask(Events) of
        {error, _, _} = Error -> Error;
        Mask -> request(G, {set, Callback, Mask})
    end;
set_event_callback(_, _, _) ->
    fault("set_event_callback: the callback must be a process or a function of five arguments", ?EINVAL).

delete_event_callback(G, Callback) when is_integer(Callback) ->
    request(G, {delete, Callback});
delete_event_callback(_, _) ->
    fault("delete_event_callback: an event handle is a number", ?EINVAL).

request(G, Kind, Name, Args, Options) ->
    case term_to_binary({Name, Args, Options}) of
        Data when byte_size(Data) > ?MAX_REQUEST ->
            fault(io_lib:format("~s: arguments of ~b bytes are too many", [Name, byte_size(Data)]), ?E2BIG);
        Data ->
            request(G, {Kind, Data})
    end.

request(G, What) when is_pid(G) ->
    Ref = erlang:monitor(process, G),
    G ! {guestfs_request, {self(), Ref}, What},
    receive
        {guestfs_answer, Ref, Answer} ->
            erlang:demonitor(Ref, [flush]),
            answer(Answer);
        {'DOWN', Ref, process, _, {program_died, Message}} ->
            fault(Message, ?EPIPE);
        {'DOWN', Ref, process, _, Reason} when Reason =:= normal; Reason =:= noproc ->
            fault("the handle is closed", ?EBADF);
        {'DOWN', Ref, process, _, Reason} ->
            fault(io_lib:format("the handle's process has ended: ~0p", [Reason]), ?EPIPE)
    end;
request(_, _) ->
    fault("no handle", ?EINVAL).

%% Answers make no atoms. Those that they have are loaded with this module because one of its functions has them.
atoms() -> [ok, true, false, undefined, error, unknown, unknownarg].

answer(Term) when is_binary(Term) ->
    try
        binary_to_term(Term, [safe])
    catch
        error:badarg -> fault("the program's answer cannot be understood", ?EPROTO)
    end;
answer(Other) ->
    Other.

fault(Message, Errno) -> {error, lists:flatten(Message), Errno}.

%%% Arguments of ours.

program(default) ->
    %% The one that was built with this module comes first: the two must understand each other.
    Priv = filename:join([filename:dirname(code:which(?MODULE)), "..", "priv"]),
    case {os:find_executable("erl-guestfs", Priv), os:find_executable("erl-guestfs")} of
        {false, false} -> fault(["erl-guestfs: neither in ", Priv, " nor in PATH"], ?ENOENT);
        {false, Path} -> {file, Path};
        {Path, _} -> {file, Path}
    end;
program(Program) ->
    Name = binary_to_list(iolist_to_binary(Program)),
    case os:find_executable(Name) of
        %% As the shell takes it: a program with arguments.
        false -> {command, Name};
        Path -> {file, Path}
    end.

settings([], Found) -> Found;
settings([{environment, true} | Rest], Found) -> settings(Rest, Found);
settings([{close_on_exit, true} | Rest], Found) -> settings(Rest, Found);
settings([{environment, false} | Rest], {Flags, Owner}) -> settings(Rest, {["--no-environment" | Flags], Owner});
settings([{close_on_exit, false} | Rest], {Flags, Owner}) -> settings(Rest, {["--no-close-on-exit" | Flags], Owner});
settings([{owner, Owner} | Rest], {Flags, _}) when is_pid(Owner); Owner =:= none -> settings(Rest, {Flags, Owner});
settings([Option | _], _) -> fault(io_lib:format("create: unknown option ~0p", [Option]), ?EINVAL).

%%% The process.

init(Creator, {Kind, Program}, Flags, Owner) ->
    process_flag(trap_exit, true),
    Common = [{packet, 4}, binary, exit_status, use_stdio],
    try
        case Kind of
            file -> open_port({spawn_executable, Program}, [{args, Flags} | Common]);
            command -> open_port({spawn, lists:flatten(lists:join(" ", [Program | Flags]))}, Common)
        end
    of
        Port ->
            Monitor =
                case Owner of
                    none -> undefined;
                    _ -> erlang:monitor(process, Owner)
                end,
            greet(Creator, #state{port = Port, program = Program, owner = Monitor})
    catch
        error:Reason ->
            Creator ! {guestfs_created, self(), fault(io_lib:format("~ts: cannot be run: ~p", [Program, Reason]), ?ENOENT)}
    end.

%% The program says first whether it has a handle.
greet(Creator, #state{port = Port, program = Program} = State) ->
    Refuse = fun(Answer) -> Creator ! {guestfs_created, self(), Answer} end,
    receive
        {Port, {data, <<0:64, Term/binary>>}} ->
            case answer(Term) of
                ok ->
                    Refuse({ok, self()}),
                    loop(State);
                Error ->
                    Refuse(Error)
            end;
        {Port, {data, _}} ->
            Refuse(fault([Program, ": this is no erl-guestfs of this version"], ?EPROTO));
        {Port, {exit_status, Status}} ->
            Refuse(fault(died(Program, Status), ?EPIPE))
    after ?PATIENCE ->
        Refuse(fault([Program, ": said nothing for a minute"], ?ETIMEDOUT))
    end.

died(Program, Status) when Status > 128 ->
    io_lib:format("~ts: was ended by signal ~b", [Program, Status - 128]);
died(Program, Status) ->
    io_lib:format("~ts: ended with status ~b", [Program, Status]).

loop(#state{port = Port, owner = Owner} = State) ->
    receive
        {guestfs_request, From, What} ->
            loop(requested(From, What, State));
        {Port, {data, <<0:64, Event/binary>>}} ->
            loop(happened(answer(Event), State));
        {Port, {data, <<Id:64, Term/binary>>}} ->
            case maps:take(Id, State#state.sent) of
                {Request, Sent} -> answered(Id, Request, Term, State#state{sent = Sent});
                error -> loop(State)
            end;
        {Port, {exit_status, Status}} ->
            exit({program_died, died(State#state.program, Status)});
        {'DOWN', Owner, process, _, _} ->
            loop(abandoned(State#state{owner = undefined}));
        {'DOWN', Monitor, process, _, _} ->
            loop(left(Monitor, State));
        {again, Id} when Id =:= State#state.running ->
            loop(cancel(State));
        {'EXIT', Port, Reason} ->
            exit({program_died, io_lib:format("~ts: its port has ended: ~0p", [State#state.program, Reason])});
        {'EXIT', _, Reason} when Reason =/= normal ->
            %% A process that is linked to the handle has ended: so does this, as if it trapped nothing.
            exit(Reason);
        _ ->
            loop(State)
    end.

requested({Pid, _} = From, {Kind, Data}, State) when Kind =:= call; Kind =:= close; Kind =:= now ->
    Request = #request{from = From, monitor = erlang:monitor(process, Pid), kind = Kind, data = Data},
    case Kind of
        now -> send(Request, State);
        _ -> next(State#state{queue = queue:in(Request, State#state.queue)})
    end;
requested(From, {set, Callback, Mask}, #state{next = Id, callbacks = Callbacks} = State) ->
    %% Known here before the program knows it, so that no event is lost.
    Live = counters:new(1, []),
    counters:put(Live, 1, 1),
    control(From, set_event_callback, {Id, Mask}, {created, Id}, State#state{
        callbacks = Callbacks#{Id => {Callback, Live}}
    });
requested(From, {delete, Id}, #state{callbacks = Callbacks} = State) ->
    case Callbacks of
        #{Id := {_, Live}} -> counters:put(Live, 1, 0);
        _ -> ok
    end,
    case Id of
        _ when Id > 0, Id < 1 bsl 62 ->
            control(From, delete_event_callback, {Id}, ok, State#state{callbacks = maps:remove(Id, Callbacks)});
        _ ->
            reply(From, ok),
            State
    end.

%% The program's answer to these is that of the caller, or the number of the callback.
control({Pid, Ref}, Name, Args, Answer, State) ->
    Data = term_to_binary({Name, Args, []}),
    From =
        case Answer of
            {created, Id} -> {Pid, Ref, Id};
            ok -> {Pid, Ref}
        end,
    send(#request{from = From, kind = now, data = Data}, State).

%% To the program; calls only when none runs.
send(#request{kind = Kind, data = Data} = Request, #state{next = Id, sent = Sent} = State) ->
    write(State#state.port, [<<Id:64>>, Data]),
    Running =
        case Kind of
            now -> State#state.running;
            _ -> Id
        end,
    State#state{next = Id + 1, running = Running, sent = Sent#{Id => Request#request{data = <<>>}}}.

%% When the program has died, the message that says so is on its way.
write(Port, Packet) ->
    try
        port_command(Port, Packet)
    catch
        error:badarg -> false
    end.

next(#state{running = undefined, queue = Queue} = State) ->
    case queue:out(Queue) of
        {{value, Request}, Rest} -> send(Request, State#state{queue = Rest});
        {empty, _} -> State
    end;
next(State) ->
    State.

answered(_, #request{kind = close} = Request, Term, State) ->
    %% The handle is closed, and the program ends by itself. Who still waits learns it from the end of this process.
    case State#state.teller of
        undefined -> ok;
        Teller -> Teller ! stop
    end,
    respond(Request, Term),
    catch port_close(State#state.port),
    exit(normal);
answered(Id, #request{kind = Kind} = Request, Term, #state{running = Running} = State) ->
    respond(Request, Term),
    case Kind of
        call when Id =:= Running -> loop(next(State#state{running = undefined}));
        _ -> loop(State)
    end.

respond(#request{monitor = Monitor, from = From}, Term) ->
    case Monitor of
        undefined -> ok;
        _ -> erlang:demonitor(Monitor, [flush])
    end,
    reply(From, Term).

reply({Pid, Ref, Callback}, Term) ->
    case answer(Term) of
        ok -> reply({Pid, Ref}, Callback);
        Error -> reply({Pid, Ref}, Error)
    end;
reply({none, _}, _) ->
    ok;
reply({Pid, Ref}, Answer) ->
    Pid ! {guestfs_answer, Ref, Answer},
    ok.

%% The process that made the handle has ended.
abandoned(State) ->
    Request = #request{from = {none, make_ref()}, kind = close, data = term_to_binary({close, {}, []})},
    cancel(next(State#state{queue = queue:from_list([Request])})).

%% A caller has ended: its call is cancelled, or not made.
left(Monitor, #state{running = Running, sent = Sent, queue = Queue} = State) ->
    case Sent of
        #{Running := #request{monitor = Monitor, kind = call} = Request} ->
            cancel(State#state{sent = Sent#{Running := Request#request{monitor = undefined}}});
        _ ->
            Keep = fun(#request{monitor = M, kind = Kind}) -> M =/= Monitor orelse Kind =:= close end,
            State#state{queue = queue:filter(Keep, Queue)}
    end.

cancel(#state{running = undefined} = State) ->
    State;
cancel(#state{running = Id} = State) ->
    write(State#state.port, <<0:64>>),
    erlang:send_after(?AGAIN, self(), {again, Id}),
    State.

happened({Id, Event, Text, Numbers}, #state{callbacks = Callbacks} = State) ->
    case Callbacks of
        #{Id := {Pid, _}} when is_pid(Pid) ->
            Pid ! {guestfs_event, self(), Event, Id, Text, Numbers},
            State;
        #{Id := {Function, Live}} ->
            Teller = guestfs_events:teller(State#state.teller),
            Teller ! {call, Function, Live, [self(), Event, Id, Text, Numbers]},
            State#state{teller = Teller};
        _ ->
            State
    end;
happened(_, State) ->
    State.
