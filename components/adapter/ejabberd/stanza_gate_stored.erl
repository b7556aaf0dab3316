%% What the server stores for later, as nobody is there (mod_offline).
%%
%% It is on the disk when it counts as carried out, and what was fetched from there is gone from the disk when a client gets it:
%% Mnesia writes down what has changed some seconds later, and a server that is killed would have lost the one, and told the
%% other again.
%%
%% And it is fetched. Who has seen that nobody is there stores it a moment later: if somebody came online meanwhile, and has looked
%% for what waits, it would wait until they come the next time. One verdict is about many stanzas, so that happens.

-module(stanza_gate_stored).

-export([stored/1, fetched/1, fetch/1]).

-include("xmpp.hrl").

%% A message has found nobody: who is there now fetches it.
stored({offlined, #message{to = #jid{luser = User, lserver = Host}}} = Stored) ->
    stanza_gate_written:write(),
    case lists:sort(ejabberd_sm:get_user_present_resources(User, Host)) of
        [] -> ok;
        Present -> tell(ejabberd_sm:get_session_pid(User, Host, element(2, lists:last(Present))))
    end,
    Stored;
stored(Other) ->
    Other.

tell(none) -> ok;
tell(Pid) -> Pid ! stanza_gate_fetch.

%% A client is there now: what waited for it is in the mailbox of this process.
fetched({#presence{type = available}, State} = Presence) ->
    _ = [stanza_gate_written:write() || not maps:is_key(pres_last, State)],
    Presence;
fetched(Presence) ->
    Presence.

%% Somebody has stored something for this session, which is there.
fetch(#{pres_last := Presence, lserver := Host} = State) ->
    case gen_mod:is_loaded(Host, mod_offline) of
        true -> mod_offline:c2s_self_presence({Presence, maps:remove(pres_last, State)}), stanza_gate_written:write();
        false -> ok
    end;
fetch(_) ->
    ok.
