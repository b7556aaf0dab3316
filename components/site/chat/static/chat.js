// Starts Converse.js as one person. Nothing is kept but in this tab: the next tab may be somebody else.
import "/converse/converse.min.js";

const KEY = "steelyard-key";
const PERSON = "steelyard-person";
const line = document.querySelector("#line");
const { jid, name, socket } = line.dataset;

function takeKey() {
  // Converse.js has places behind the hash, too.
  const given = location.hash.startsWith("#converse") ? "" : location.hash.slice(1);
  const key = given || sessionStorage.getItem(KEY) || "";
  if (given || sessionStorage.getItem(PERSON) !== jid) {
    // What Converse.js keeps of one session would be taken for the next one's.
    sessionStorage.clear();
    sessionStorage.setItem(PERSON, jid);
    sessionStorage.setItem(KEY, key);
    history.replaceState(null, "", location.pathname);
  }
  return key;
}

function explain(reason) {
  const place = document.querySelector("#fault");
  place.textContent = `You cannot log in: ${reason}. Open the link that the terminal shows.`;
  place.hidden = false;
}

function goBack(key) {
  sessionStorage.clear();
  sessionStorage.setItem(KEY, key);
  location.assign("/");
}

async function start() {
  const key = takeKey();
  const answer = await fetch(`${location.pathname}/password`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}` },
  });
  const text = await answer.text();
  if (!answer.ok) {
    explain(text);
    return;
  }
  converse.plugins.add("steelyard", {
    initialize() {
      const { api } = this._converse;
      // Its own fetches pictures from the web sites of those who pay for Converse.js.
      api.elements.define("converse-footer", class extends HTMLElement {});
      api.listen.on("logout", () => goBack(key));
      document.querySelector("#stranger")?.addEventListener("click", (click) => {
        const inPlaceOfWhatIsShown = true;
        api.chats.open(click.target.dataset.jid, {}, inPlaceOfWhatIsShown);
      });
    },
  });
  await converse.initialize({
    view_mode: "fullscreen",
    assets_path: "/converse",
    i18n: "en",
    jid,
    nickname: name,
    password: text,
    authentication: "login",
    auto_login: true,
    websocket_url: `ws://${location.host}${socket}`,
    discover_connection_methods: false,
    persistent_store: "sessionStorage",
    reuse_scram_keys: false,
    allow_user_trust_override: "off",
    // The line refuses what it cannot read, and nothing comes from other hosts.
    blacklisted_plugins: ["converse-omemo", "converse-register", "converse-oauth"],
    whitelisted_plugins: ["steelyard"],
    autocomplete_providers_url: "",
    muc_search_service: "",
    embed_3rd_party_media_players: false,
    show_background: false,
    play_sounds: false,
    show_desktop_notifications: false,
    loglevel: "warn",
  });
}

await start();
