%% Whether a certificate names a domain, and has one of the keys that it should have (docs/federation.md, section 2); pure.

-module(site_certificate).

-export([fault/3]).

%% As public_key.hrl has them, which is not there where Erlang is not developed with.
-define(TBS, 2).
-define(KEY, 8).
-define(EXTENSIONS, 11).
-define(SUBJECT_ALT_NAME, {2, 5, 29, 17}).

%% `none`, or what is wrong with a certificate (DER): `unnamed` or `untrusted`. `Pins` are keys as SHA-256, in hexadecimal; without any, all count.
fault(Der, Domain, Pins) ->
    Name = list_to_binary(idna:utf8_to_ascii(Domain)),
    case {lists:any(fun(Named) -> is_named(Name, Named) end, names(Der)), Pins =:= [] orelse lists:member(pin(Der), Pins)} of
        {false, _} -> unnamed;
        {true, false} -> untrusted;
        {true, true} -> none
    end.

%% A subjectAltName, which may have `*` for its first label (RFC 6125, 6.4.3).
is_named(Name, Name) -> true;
is_named(Name, <<"*.", Rest/binary>>) -> tl(binary:split(Name, <<".">>)) =:= [Rest];
is_named(_, _) -> false.

names(Der) ->
    case element(?EXTENSIONS, element(?TBS, public_key:pkix_decode_cert(Der, otp))) of
        Extensions when is_list(Extensions) ->
            [lower(Name) || {'Extension', ?SUBJECT_ALT_NAME, _, Values} <- Extensions, {dNSName, Name} <- Values];
        asn1_NOVALUE ->
            []
    end.

lower(Name) -> list_to_binary(string:lowercase(Name)).

%% As in a TLSA record `x 1 1` (RFC 6698).
pin(Der) ->
    Key = element(?KEY, element(?TBS, public_key:pkix_decode_cert(Der, plain))),
    Digest = crypto:hash(sha256, public_key:der_encode('SubjectPublicKeyInfo', Key)),
    << <<(hex(Half))>> || <<Half:4>> <= Digest >>.

hex(Half) when Half < 10 -> $0 + Half;
hex(Half) -> $a + Half - 10.
