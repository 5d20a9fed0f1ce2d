// What scripts say, in the page's language; the catalogue is rendered into the page.
const texts = JSON.parse(document.getElementById("texts").textContent);

export function t(key, params = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in params ? String(params[name]) : whole));
}
