-module(site_certificate_tests).
-compile([export_all, nowarn_export_all]).

%% A certificate with these subjectAltNames, signed with its own key; and the pin of that, taken another way.
certificate(Names) ->
    Key = public_key:generate_key({namedCurve, secp256r1}),
    Parameters = element(4, Key),
    Subject = {rdnSequence, [[{'AttributeTypeAndValue', {2, 5, 4, 3}, {utf8String, <<"common.example">>}}]]},
    Info = {'OTPSubjectPublicKeyInfo', {'PublicKeyAlgorithm', {1, 2, 840, 10045, 2, 1}, Parameters}, {'ECPoint', element(5, Key)}},
    Algorithm = {'SignatureAlgorithm', {1, 2, 840, 10045, 4, 3, 2}, asn1_NOVALUE},
    Named = case Names of
        none -> asn1_NOVALUE;
        _ -> [{'Extension', {2, 5, 29, 17}, false, [{dNSName, Name} || Name <- Names]}]
    end,
    Times = {'Validity', {utcTime, "260101000000Z"}, {utcTime, "360101000000Z"}},
    Der = public_key:pkix_sign({'OTPTBSCertificate', v3, 1, Algorithm, Subject, Times, Subject, Info, asn1_NOVALUE, asn1_NOVALUE, Named}, Key),
    {Der, pin(Parameters, element(5, Key))}.

pin(Parameters, Point) ->
    Algorithm = {'AlgorithmIdentifier', {1, 2, 840, 10045, 2, 1}, public_key:der_encode('EcpkParameters', Parameters)},
    Digest = crypto:hash(sha256, public_key:der_encode('SubjectPublicKeyInfo', {'SubjectPublicKeyInfo', Algorithm, Point})),
    string:lowercase(binary:encode_hex(Digest)).

it_names_a_domain_test() ->
    {Der, _} = certificate(["zurich.example", "Rooms.Zurich.Example"]),
    none = site_certificate:fault(Der, <<"zurich.example">>, []),
    none = site_certificate:fault(Der, <<"rooms.zurich.example">>, []),
    [unnamed = site_certificate:fault(Der, Other, []) || Other <- [<<"urich.example">>, <<"sub.zurich.example">>, <<"example">>, <<"common.example">>]].

a_name_that_is_no_alternative_does_not_count_test() ->
    {Der, _} = certificate(none),
    unnamed = site_certificate:fault(Der, <<"common.example">>, []).

a_star_is_one_label_test() ->
    {Der, _} = certificate(["*.zurich.example"]),
    none = site_certificate:fault(Der, <<"rooms.zurich.example">>, []),
    [unnamed = site_certificate:fault(Der, Other, []) || Other <- [<<"zurich.example">>, <<"a.b.zurich.example">>]].

a_domain_in_other_letters_is_named_as_dns_has_it_test() ->
    {Der, _} = certificate(["xn--zrich-kva.example"]),
    none = site_certificate:fault(Der, <<"zürich.example"/utf8>>, []).

with_pins_it_has_one_of_the_keys_test() ->
    {Der, Pin} = certificate(["zurich.example"]),
    none = site_certificate:fault(Der, <<"zurich.example">>, [<<"00">>, Pin]),
    untrusted = site_certificate:fault(Der, <<"zurich.example">>, [<<"00">>]),
    unnamed = site_certificate:fault(Der, <<"london.example">>, [Pin]).
