%% What a server to which Steelyard is attached has beside the gate (docs/attach.md). It tells everybody at each login that the
%% line is recorded, and whether its rules are in force; and it ends a server for which the adapter was not compiled. There is
%% no policy in this file: the gate says with its table of borders whether it only observes (docs/gate-protocol.md, 4.5).

-module(mod_beside_the_gate).
-behaviour(gen_mod).

-export([start/2, stop/1, reload/3, depends/2, mod_opt_type/1, mod_options/1, mod_doc/0]).
-export([tell/1, text/3]).

-include("xmpp.hrl").

%% After whatever else looks at a presence.
-define(AT, 90).

%% The records that the adapter shares with the server are those of the version that it was compiled for.
start(Host, #{made_for := Version}) ->
    case ejabberd_option:version() of
        Version -> ejabberd_hooks:add(c2s_self_presence, Host, ?MODULE, tell, ?AT);
        Another -> error({made_for_another_ejabberd, Version, Another, "run: steelyard attach ejabberd --apply"})
    end.

stop(Host) -> ejabberd_hooks:delete(c2s_self_presence, Host, ?MODULE, tell, ?AT).

reload(_Host, _New, _Old) -> ok.

depends(_Host, _Options) -> [{mod_stanza_gate, hard}].

mod_opt_type(_) -> econf:binary().

mod_options(_Host) -> [{made_for, <<>>}, {notice, <<"This line is recorded.">>}, {observing, <<>>}].

mod_doc() -> #{desc => <<"Tells everybody that the line is recorded.">>}.

%% A session says that it is there, for the first time.
tell({#presence{type = available}, #{pres_last := _}} = Said) ->
    Said;
tell({#presence{type = available} = Presence, #{jid := Jid, lserver := Host} = State}) ->
    Text = text(gen_mod:get_module_opt(Host, ?MODULE, notice), gen_mod:get_module_opt(Host, ?MODULE, observing),
                stanza_gate_hosts:is_open()),
    Notice = #message{type = headline, from = jid:make(Host), to = Jid, body = [#text{data = Text}]},
    {Presence, ejabberd_c2s:send(State, Notice)};
tell(Said) ->
    Said.

text(Notice, Observing, true) when Observing =/= <<>> -> <<Notice/binary, "\n", Observing/binary>>;
text(Notice, _, _) -> Notice.
