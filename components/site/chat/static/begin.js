// The list of people: hands the key of the link on to whichever page is opened from here, also in another tab.
const NAME = "steelyard-key";
if (location.hash.length > 1) {
  sessionStorage.setItem(NAME, location.hash.slice(1));
}
const key = sessionStorage.getItem(NAME);
for (const link of document.querySelectorAll("a.person")) {
  link.hash = key ?? "";
}
document.querySelector("#keyless")?.toggleAttribute("hidden", Boolean(key));
