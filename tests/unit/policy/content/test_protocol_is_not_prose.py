"""What clients and servers send by themselves: the example policy has no objection to a word of it."""

# ruff: noqa: E501 - stanzas as they are sent

from pathlib import Path

import pytest

from policy.content.decide import UNOBJECTIONABLE, decide_content
from policy.content.parse import parse_policy
from policy.content.payload import READABLE, decide_payload
from policy.content.stanza import read_stanza

POLICY = parse_policy((Path(__file__).parents[4] / "config/examples/policy.toml").read_text(), {})


def form(name: str, fields: list[tuple[str, str]], type_: str = "submit") -> str:
    return (
        f"<x xmlns='jabber:x:data' type='{type_}'><field var='FORM_TYPE' type='hidden'><value>{name}</value></field>"
        + "".join(f"<field var='{k}'><value>{v}</value></field>" for k, v in fields)
        + "</x>"
    )


PUBSUB = "http://jabber.org/protocol/pubsub"
SENT = {
    "room config": f"<iq type='set' to='r@x'><query xmlns='http://jabber.org/protocol/muc#owner'>{form('http://jabber.org/protocol/muc#roomconfig', [('muc#roomconfig_roomname', 'Pit'), ('muc#roomconfig_persistentroom', '1'), ('muc#roomconfig_whois', 'anyone'), ('muc#roomconfig_roomowners', 'a@metals.example')])}</query></iq>",
    "publish opts": f"<iq type='set'><pubsub xmlns='{PUBSUB}'><publish node='urn:xmpp:bookmarks:1'><item id='r@x'><conference xmlns='urn:xmpp:bookmarks:1' name='Pit' autojoin='true'><nick>al</nick><extensions><x xmlns='urn:gajim:bookmarks'/></extensions></conference></item></publish><publish-options>{form(PUBSUB + '#publish-options', [('pubsub#persist_items', 'true'), ('pubsub#max_items', 'max'), ('pubsub#send_last_published_item', 'never'), ('pubsub#access_model', 'whitelist')])}</publish-options></pubsub></iq>",
    "node config": f"<iq type='set'><pubsub xmlns='{PUBSUB}#owner'><configure node='x'>{form(PUBSUB + '#node_config', [('pubsub#type', 'http://www.w3.org/2005/Atom'), ('pubsub#title', 'x'), ('pubsub#type', 'urn:xmpp:microblog:0'), ('pubsub#type', 'http://jabber.org/protocol/mood'), ('pubsub#type', 'eu.siacs.conversations.axolotl.devicelist')])}</configure></pubsub></iq>",
    "disco form": f"<iq type='result'><query xmlns='http://jabber.org/protocol/disco#info' node='http://gajim.org#abc'><identity category='client' type='pc' name='Gajim'/><feature var='http://jabber.org/protocol/xhtml-im'/><feature var='urn:xmpp:mam:2'/>{form('urn:xmpp:dataforms:softwareinfo', [('os', 'Linux'), ('os_version', '6.1'), ('software', 'Gajim'), ('software_version', '1.8.4'), ('ip_version', 'ipv4')], 'result')}</query></iq>",
    "version": "<iq type='result'><query xmlns='jabber:iq:version'><name>Conversations</name><version>2.12.5</version><os>Android 13</os></query></iq>",
    "avatar": f"<iq type='set'><pubsub xmlns='{PUBSUB}'><publish node='urn:xmpp:avatar:metadata'><item id='abc'><metadata xmlns='urn:xmpp:avatar:metadata'><info id='111f4b3c50d7b0df729d299bc6f8e9ef9066971f' type='image/png' bytes='123' width='64' height='64'/></metadata></item></publish></pubsub></iq>",
    "push": f"<iq type='set'><enable xmlns='urn:xmpp:push:0' jid='push.metals.example' node='yxs32uqsflafdk3iuqo'>{form('http://jabber.org/protocol/pubsub#publish-options', [('secret', 'eruio234vzxc2kla-91')])}</enable></iq>",
    "push conv": "<iq type='set'><enable xmlns='urn:xmpp:push:0' jid='p2.siacs.eu' node='abc'/></iq>",
    "blocking": "<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='romeo@montague.net'/></block></iq>",
    "mam": f"<iq type='set'><query xmlns='urn:xmpp:mam:2' queryid='f27'>{form('urn:xmpp:mam:2', [('with', 'juliet@capulet.lit'), ('start', '2010-06-07T00:00:00Z'), ('end', '2010-07-07T13:23:54Z'), ('after-id', '28482-98726-73623'), ('before-id', '28482'), ('ids', 'a'), ('{http://jabber.org/protocol/mam#optional}fulltext', 'x'), ('include-groupchat', 'true')])}<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before/><after>09af3-cc343-b409f</after></set><flip-page/></query></iq>",
    "mam meta": "<iq type='get'><metadata xmlns='urn:xmpp:mam:2'/></iq>",
    "adhoc": f"<iq type='set'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/rc#set-status' action='execute' sessionid='x'>{form('http://jabber.org/protocol/rc', [('status', 'chat'), ('status-message', 'x'), ('status-priority', '5')])}</command></iq>",
    "disco items cmd": "<iq type='result'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'><item jid='a@b/c' node='http://jabber.org/protocol/rc#leave-groupchats' name='Leave Groupchats'/></query></iq>",
    "upload": "<iq type='get'><request xmlns='urn:xmpp:http:upload:0' filename='report.pdf' size='23456' content-type='application/pdf'/></iq>",
    "upload zip": "<iq type='get'><request xmlns='urn:xmpp:http:upload:0' filename='data.zip' size='23456' content-type='application/zip'/></iq>",
    "upload md": "<iq type='get'><request xmlns='urn:xmpp:http:upload:0' filename='README.md' size='23456'/></iq>",
    "upload py": "<iq type='get'><request xmlns='urn:xmpp:http:upload:0' filename='très joli.sh' size='23456'/></iq>",
    "caps": "<presence from='alice@metals.example/Conversations.info'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://conversations.im' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/><x xmlns='vcard-temp:x:update'><photo>abc</photo></x><idle xmlns='urn:xmpp:idle:1' since='1969-07-21T02:56:15Z'/></presence>",
    "caps2": "<presence><c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=</hash></c><priority>5</priority></presence>",
    "entity time": "<iq type='result'><time xmlns='urn:xmpp:time'><tzo>-06:00</tzo><utc>2006-12-19T17:58:35Z</utc></time></iq>",
    "private bm": "<iq type='set'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference name='x' autojoin='true' jid='a@rooms.metals.example'><nick>a</nick></conference></storage></query></iq>",
    "gajim prefs": "<iq type='get'><query xmlns='jabber:iq:private'><gajim xmlns='gajim:prefs'/></query></iq>",
    "roster": "<iq type='set'><query xmlns='jabber:iq:roster' ver='ver14'><item jid='bob@metals.example' name='Bob' subscription='both'><group>Desk</group></item></query></iq>",
    "omemo get": f"<iq type='get'><pubsub xmlns='{PUBSUB}'><items node='eu.siacs.conversations.axolotl.devicelist'/></pubsub></iq>",
    "marker": "<message><displayed xmlns='urn:xmpp:chat-markers:0' id='x'/><store xmlns='urn:xmpp:hints'/></message>",
    "msg full": "<message id='1'><body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='1'/><stanza-id xmlns='urn:xmpp:sid:0' by='a' id='2'/><markable xmlns='urn:xmpp:chat-markers:0'/><delay xmlns='urn:xmpp:delay' from='a' stamp='2002-09-10T23:08:25Z'/></message>",
    "correction": "<message><body>hi</body><replace xmlns='urn:xmpp:message-correct:0' id='bad1'/></message>",
    "reply": "<message><body>&gt; a\nhi</body><reply xmlns='urn:xmpp:reply:0' to='anna@metals.example' id='x'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='4'/></fallback></message>",
    "retract": "<message><apply-to id='o' xmlns='urn:xmpp:fasten:0'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to><body>This person attempted to retract a previous message</body></message>",
    "reaction": "<message><reactions id='x' xmlns='urn:xmpp:reactions:0'><reaction>👋</reaction><reaction>🐢</reaction></reactions></message>",
    "sfs": "<message><file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'><file xmlns='urn:xmpp:file:metadata:0'><media-type>image/jpeg</media-type><name>summit.jpg</name><size>3032449</size><dimensions>4096x2160</dimensions><hash xmlns='urn:xmpp:hashes:2' algo='sha3-256'>2XarmwTlNxDAMkvymloX3S5+VbylNrJt/l5QyPa+YoU=</hash><desc>Photo</desc><thumbnail xmlns='urn:xmpp:thumbs:1' uri='cid:sha1+ffd7c8d28e9c5e82afea41f97108c6b4@bob.xmpp.org' media-type='image/png' width='128' height='96'/></file><sources><url-data xmlns='http://jabber.org/protocol/url-data' target='https://files.metals.example/a.jpg'/></sources></file-sharing></message>",
    "thumb blurhash": "<message><thumbnail xmlns='urn:xmpp:thumbs:1' uri='data:image/blurhash,LEHV6nWB2yk8pyo0adR*.7kCMdnj'/></message>",
    "vcard": "<iq type='set'><vCard xmlns='vcard-temp'><FN>Alice</FN><URL>https://www.metals.example/</URL><EMAIL><INTERNET/><USERID>alice@metals.example</USERID></EMAIL><JABBERID>alice@metals.example</JABBERID><PHOTO><TYPE>image/png</TYPE><BINVAL>iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAYAAACqaXHeAAAABHNCSVQICAgIfAhkiAAA\nAAlwSFlzAAALEwAACxMBAJqcGAAAABl0RVh0U29mdHdhcmUAd3d3Lmlua3NjYXBlLm9y\nZ5vuPBoA</BINVAL></PHOTO></vCard></iq>",
    "muc admin": "<iq type='set'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='bob@metals.example'/></query></iq>",
    "muc join": "<presence to='r@rooms.metals.example/alice'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='20' since='1970-01-01T00:00:00Z'/></x></presence>",
    "muc presence": "<presence from='r@rooms.metals.example/alice'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' role='participant' jid='alice@metals.example/Conversations.a1b2'/><status code='110'/></x><occupant-id xmlns='urn:xmpp:occupant-id:0' id='dd72603deec90a38ba552f7c68cbcc61bca202cd'/></presence>",
    "conf invite": "<message><x xmlns='jabber:x:conference' jid='r@rooms.metals.example' reason='join' continue='true' thread='e0ffe42b28561960c6b12b944a092794b9683a38'/></message>",
    "mds": f"<iq type='set'><pubsub xmlns='{PUBSUB}'><publish node='urn:xmpp:mds:displayed:0'><item id='r@x'><displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='a@b' id='x'/></displayed></item></publish></pubsub></iq>",
    "carbons": "<iq type='set'><enable xmlns='urn:xmpp:carbons:2'/></iq>",
    "extdisco": "<iq type='get'><services xmlns='urn:xmpp:extdisco:2'/></iq>",
    "register": "<iq type='set'><query xmlns='jabber:iq:register'><username>alice</username><password>x.com</password></query></iq>",
    "search": "<iq type='get'><query xmlns='jabber:iq:search'/></iq>",
    "time old": "<iq type='result'><query xmlns='jabber:iq:last' seconds='5'/></iq>",
    "error": "<iq type='error'><error type='cancel'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><unsupported xmlns='http://jabber.org/protocol/pubsub#errors' feature='persistent-items'/></error></iq>",
    "pep tune": "<iq type='set'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='http://jabber.org/protocol/tune'><item><tune xmlns='http://jabber.org/protocol/tune'><artist>Yes</artist><length>686</length><source>Yessongs</source><title>Heart</title><track>3</track></tune></item></publish></pubsub></iq>",
    "notes": "<iq type='set'><query xmlns='jabber:iq:private'><scr xmlns='roster:delimiter'>::</scr></query></iq>",
    "atom": f"<iq type='set'><pubsub xmlns='{PUBSUB}'><publish node='urn:xmpp:microblog:0'><item id='1'><entry xmlns='http://www.w3.org/2005/Atom'><title>hello</title><id>tag:montague.lit,2008-05-08:posts-1cb57d9c</id><link rel='alternate' type='text/html' href='http://metals.example/x'/><author><name>A</name><uri>xmpp:alice@metals.example</uri></author><published>2008-05-08T18:30:02Z</published></entry></item></publish></pubsub></iq>",
    "captcha": "<iq type='set'><captcha xmlns='urn:xmpp:captcha'>"
    + form("urn:xmpp:captcha", [("from", "a@b"), ("challenge", "x"), ("sid", "x"), ("ocr", "7nHL3")])
    + "</captcha></iq>",
    "ibr invite": "<iq type='set'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#invite' action='execute'/></iq>",
    "reporting": "<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='a@b'><report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'/></item></block></iq>",
    "link meta": "<message><body>https://www.reuters.com/x</body><rdf:Description xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:og='https://ogp.me/ns#' rdf:about='https://www.reuters.com/x'><og:title>Page</og:title></rdf:Description></message>",
}


@pytest.mark.parametrize("kind", SENT)
def test_what_clients_send_by_themselves_passes_the_example_policy(kind: str) -> None:
    facts = read_stanza(SENT[kind])
    assert decide_payload(facts) is READABLE
    assert decide_content(POLICY, facts) is UNOBJECTIONABLE


def test_what_is_between_a_client_and_its_server_is_no_text() -> None:
    register = (
        "<query xmlns='jabber:iq:register'><username>al</username><password>swordfish</password></query>"
    )
    assert "swordfish" not in read_stanza(f"<iq type='set'>{register}</iq>").text
