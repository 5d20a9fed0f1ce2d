// Calls to the service: JSON with the session's CSRF token, or a rendered fragment of a page.
import { t } from "./texts.js";
import { toast } from "./toasts.js";

const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

// A refusal of the service, with its problem document in `body`; status 0 where the service can't be reached.
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.code ?? String(status));
    this.status = status;
    this.body = body;
  }
}

async function request(url, options) {
  let answer;
  try {
    answer = await fetch(url, { redirect: "manual", credentials: "same-origin", ...options });
  } catch {
    throw new Problem(0);
  }
  // A page redirects who is not signed in; a call answers 401.
  if (answer.type === "opaqueredirect" || answer.status === 401) throw new Problem(401);
  if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
  return answer;
}

export async function fragment(url) {
  return (await request(url, { headers: { accept: "text/html" } })).text();
}

export async function get(url) {
  return (await request(url, { headers: { accept: "application/json" } })).json();
}

export async function post(url, body = {}) {
  const headers = {
    "content-type": "application/json",
    "accept-language": document.documentElement.lang,
    "x-csrf-token": token,
  };
  const answer = await request(url, { method: "POST", headers, body: JSON.stringify(body) });
  return answer.status === 204 ? null : answer.json();
}

// A file as the body; what comes back is a fragment of a page.
export async function send(url, file) {
  const headers = { "accept-language": document.documentElement.lang, "x-csrf-token": token };
  return (await request(url, { method: "POST", headers, body: file })).text();
}

// Tell the person what went wrong.
export function tell(error) {
  if (!(error instanceof Problem)) throw error;
  if (error.status === 401) return signedOut();
  if (error.status === 0) return toast(t("offline"), { look: "bad" });
  const { title, detail, code } = error.body;
  const known = title && !title.startsWith("error.");
  toast(known ? `${title} ${detail ?? ""}` : t("failed", { code: code ?? error.status }), { look: "bad", seconds: 10 });
}

function signedOut() {
  const next = encodeURIComponent(location.pathname + location.search);
  toast(t("signed_out"), { look: "bad", seconds: 0, link: { href: `/console/login?next=${next}`, text: t("sign_in") }, only: "signed-out" });
}
