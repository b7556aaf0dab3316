%% Makes accounts on the server's own machine, before the server is up: ejabberd starts without any listener, takes them
%% from standard input, and ends. Standard input has a line for each account, JID and password with a tab between: a
%% command line is for everybody on the machine to read.
%%
%% Who is there keeps the password; who is not is told in a line `added JID`. When one cannot be made, a line `failed`
%% says why, and the status is 1.

-module(offline_accounts).

-export([start/0, add_all/2]).

-include("jid.hrl").

start() ->
    ok = io:setopts(standard_io, [binary, {encoding, unicode}]),
    Status = case add_all(read([]), fun add/3) of
        {ok, Added} -> [io:put_chars([<<"added ">>, Jid, "\n"]) || Jid <- Added], 0;
        {error, Why} -> io:put_chars([<<"failed ">>, Why, "\n"]), 1
    end,
    % In order: what was made is on the disk then.
    init:stop(Status).

read(Lines) ->
    case io:get_line("") of
        Line when is_binary(Line) -> read([string:trim(Line, trailing, "\n") | Lines]);
        _ -> lists:reverse(Lines)
    end.

%% Add the accounts of these lines, by Add(User, Server, Password), which gives `added`, `there` or {error, Why}. A line
%% that is wrong is found before anything is done. Gives {ok, JidsAdded} or {error, Text}.
add_all(Lines, Add) ->
    Accounts = [parse(Line) || Line <- Lines],
    case [Text || {error, Text} <- Accounts] of
        [Text | _] -> {error, Text};
        [] -> add_each(Accounts, Add, [])
    end.

parse(Line) ->
    case binary:split(Line, <<"\t">>) of
        [Jid, <<_, _/binary>> = Password] ->
            case catch jid:decode(Jid) of
                #jid{luser = User, lserver = Server, lresource = <<>>} when User =/= <<>> -> {Jid, User, Server, Password};
                _ -> {error, [Jid, <<": is no account of this server">>]}
            end;
        [Jid | _] ->
            {error, [Jid, <<": no password was given">>]}
    end.

add_each([], _, Added) ->
    {ok, lists:reverse(Added)};
add_each([{Jid, User, Server, Password} | Rest], Add, Added) ->
    case Add(User, Server, Password) of
        added -> add_each(Rest, Add, [Jid | Added]);
        there -> add_each(Rest, Add, Added);
        {error, Why} -> {error, [Jid, <<": ">>, Why]}
    end.

add(User, Server, Password) ->
    case lists:member(Server, ejabberd_option:hosts()) andalso ejabberd_auth:try_register(User, Server, Password) of
        ok -> added;
        {error, exists} -> there;
        false -> {error, <<"is no account of this server">>};
        {error, Why} -> {error, io_lib:format("~0p", [Why])}
    end.
