/** The token that proves to the server that a request comes from its own page. */

/** The current token: the cookie when scripts may read it, else the field of the page's form. */
export function csrfToken() {
  const cookie = /(?:^|;\s*)csrftoken=([^;]+)/.exec(document.cookie)?.[1];
  return cookie ?? field(document)?.value ?? "";
}

/** Ask the server for this page again and take over its fresh token; true when that worked. */
export async function refreshCsrfToken() {
  try {
    const answer = await fetch(window.location.href, { cache: "no-store", headers: { Accept: "text/html" } });
    const fresh = field(new DOMParser().parseFromString(await answer.text(), "text/html"));
    if (!answer.ok || !fresh) return false;
    for (const old of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) old.value = fresh.value;
    return true;
  } catch {
    return false;
  }
}

function field(page) {
  return page.querySelector("input[name=csrfmiddlewaretoken]");
}
