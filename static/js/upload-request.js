/** One attempt to send one file, with progress. */

const STALLED_AFTER_SECONDS = 60;
const NO_ROOM_SECONDS = 20;

/**
 * Starts sending. `onProgress` gets the sent share from 0 to 1, `onSent` is called when the last byte has left.
 * `answer` resolves, never rejects, to one of
 * `{kind: "accepted", card, isDuplicate}` (duplicate: the card was there before), `{kind: "refused", code, detail}`,
 * `{kind: "later", code, seconds}` (it asked to wait, or has no room), `{kind: "unreachable"}` (no answer; the same key may be sent again) or `{kind: "cancelled"}`.
 */
export function sendFile({ url, token, fields, file, onProgress, onSent }) {
  const request = new XMLHttpRequest();
  const { answer, resolve } = pendingAnswer();
  const stall = stallTimer(() => {
    resolve({ kind: "unreachable" });
    request.abort();
  });
  request.upload.addEventListener("progress", (event) => {
    stall.restart();
    if (event.lengthComputable && event.total > 0) onProgress(event.loaded / event.total);
  });
  request.upload.addEventListener("load", () => onSent());
  request.addEventListener("load", () => resolve(read(request)));
  request.addEventListener("error", () => resolve({ kind: "unreachable" }));
  request.addEventListener("abort", () => resolve({ kind: "cancelled" }));
  request.addEventListener("loadend", () => stall.stop());
  request.open("POST", url);
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRFToken", token);
  request.send(form(fields, file));
  return { answer, cancel: () => request.abort() };
}

function form(fields, file) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append("image", file, file.name);
  return body;
}

function read(request) {
  const body = parsed(request.responseText);
  if (request.status === 202 && body?.image) {
    return { kind: "accepted", card: body.image, isDuplicate: body.duplicate === true };
  }
  const retryAfter = request.getResponseHeader("Retry-After");
  if (request.status === 429) return { kind: "later", code: "rate_limited", seconds: waitingTime(retryAfter) };
  if (request.status === 503 && retryAfter) {
    return { kind: "later", code: "unavailable", seconds: waitingTime(retryAfter) };
  }
  if (request.status === 507) {
    const seconds = NO_ROOM_SECONDS * (1 + Math.random()); // so that not everybody comes back at once
    return { kind: "later", code: "storage_full", seconds };
  }
  if ([0, 408, 502, 503, 504].includes(request.status)) return { kind: "unreachable" };
  return { kind: "refused", code: body?.code ?? codeOf(request.status), detail: body?.detail ?? "" };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy answered with a page of its own
  }
}

function codeOf(status) {
  return { 403: "forbidden", 404: "not_found", 413: "too_large" }[status] ?? "unknown";
}

/** Seconds named by a Retry-After header: a number, or a date. At least 1, at most 300. */
function waitingTime(header) {
  const seconds = /^\d+$/.test(header ?? "") ? Number(header) : (Date.parse(header ?? "") - Date.now()) / 1000;
  return Math.min(Math.max(Number.isFinite(seconds) ? seconds : 5, 1), 300);
}

function stallTimer(onStalled) {
  let timer;
  const stop = () => clearTimeout(timer);
  const restart = () => {
    stop();
    timer = setTimeout(onStalled, STALLED_AFTER_SECONDS * 1000);
  };
  restart();
  return { restart, stop };
}

function pendingAnswer() {
  let resolve;
  const answer = new Promise((settle) => {
    resolve = settle;
  });
  return { answer, resolve };
}
