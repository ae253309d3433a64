import { Backoff } from "./backoff.js";

const ATTEMPT_LIMIT_MS = 8_000;
const GAP_PATIENCE_MS = 250;
const RESUME_PATIENCE_MS = 5_000;
const STEADY_MS = 10_000;
const SILENT_BEATS = 3;

/**
 * The client half of the websocket protocol: keeps one connection to a gallery and notices what is missing.
 * It knows neither cards nor views; the owner holds the cursor and applies the messages.
 *
 * After a `reset` it passes nothing on until the owner has a fresh snapshot and calls `resume()`.
 */
export class GallerySocket {
  #options;
  #socket = null;
  #running = false;
  #word = null;
  #target = 0;
  #resuming = false;
  #awaitingSnapshot = false;
  #heartbeatMs = 15_000;
  #backoff = new Backoff();
  #timers = new Map();

  /**
   * @param {{url: () => string, cursor: () => {after: number|null, epoch: string|null},
   *          onMessage: (message: object) => void,
   *          onState: (word: "live"|"catching-up"|"reconnecting"|"offline") => void}} options
   */
  constructor(options) {
    this.#options = options;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    addEventListener("online", this.#hasten);
    addEventListener("offline", this.#tellOffline);
    document.addEventListener("visibilitychange", this.#hasten);
    this.#connect();
  }

  stop() {
    this.#running = false;
    removeEventListener("online", this.#hasten);
    removeEventListener("offline", this.#tellOffline);
    document.removeEventListener("visibilitychange", this.#hasten);
    this.#clearTimers();
    this.#drop();
  }

  /** Asks for everything after the owner's cursor, unless an answer is already on its way. */
  resume() {
    if (this.#awaitingSnapshot) {
      this.#awaitingSnapshot = false;
      this.#resuming = false;
    }
    if (this.#resuming) return;
    const { after, epoch } = this.#options.cursor();
    if (!this.#send({ type: "resume", after, epoch })) return;
    this.#resuming = true;
    this.#tell("catching-up"); // the answer tells "live", also to an owner who has said something else meanwhile
    this.#after("resume", RESUME_PATIENCE_MS, () => {
      this.#resuming = false;
      this.#catchUp();
    });
  }

  /** Asks for fresh URLs of these images (at most 200); false when there is no connection to ask on. */
  sign(ids) {
    return this.#send({ type: "sign", ids });
  }

  #connect() {
    this.#drop();
    const { after, epoch } = this.#options.cursor();
    const query = after === null ? "" : `?${new URLSearchParams({ after, epoch })}`;
    const socket = new WebSocket(this.#options.url() + query);
    this.#socket = socket;
    this.#resuming = false;
    this.#awaitingSnapshot = false;
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = () => this.#reconnect();
    this.#after("silence", ATTEMPT_LIMIT_MS, () => this.#reconnect());
  }

  /** Lets go of the current socket at once: a dead peer may take minutes to confirm a close. */
  #drop() {
    if (!this.#socket) return;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }

  #reconnect() {
    this.#drop();
    this.#clearTimers();
    this.#tell(navigator.onLine ? "reconnecting" : "offline");
    this.#after("retry", this.#backoff.next(), () => this.#connect());
  }

  #hasten = () => {
    if (this.#timers.has("retry") && document.visibilityState === "visible") {
      this.#clear("retry");
      this.#connect();
    }
  };

  #tellOffline = () => {
    if (!this.#socket) this.#tell("offline");
  };

  #receive(text) {
    const message = JSON.parse(text);
    this.#after("silence", this.#heartbeatMs * SILENT_BEATS, () => this.#reconnect());
    if (this.#awaitingSnapshot && (message.type === "changes" || message.type === "reset")) return;
    const handle = this.#handlers[message.type];
    if (handle) handle(message);
    else this.#options.onMessage(message);
  }

  #handlers = {
    hello: (message) => {
      this.#heartbeatMs = message.heartbeat_seconds * 1_000;
      this.#target = message.head;
      this.#after("silence", this.#heartbeatMs * SILENT_BEATS, () => this.#reconnect());
      this.#after("steady", STEADY_MS, () => this.#backoff.reset());
      this.#options.onMessage(message);
      // Catch-up follows by itself; only a lost one is asked for again.
      if (this.#isBehind()) this.#after("resume", RESUME_PATIENCE_MS, () => this.#catchUp());
      this.#tellProgress();
    },

    changes: (message) => {
      const before = this.#options.cursor().after;
      this.#target = Math.max(this.#target, message.to);
      if (message.from > before) {
        if (!this.#timers.has("gap")) this.#after("gap", GAP_PATIENCE_MS, () => this.#catchUp());
        return;
      }
      this.#options.onMessage(message);
      this.#answered();
      if (message.more) this.resume();
      else this.#tellProgress();
    },

    heartbeat: (message) => {
      this.#options.onMessage(message);
      const { after, epoch } = this.#options.cursor();
      if (this.#awaitingSnapshot) return;
      if (message.epoch !== epoch || message.head < after) {
        this.#handlers.reset({ type: "reset", head: message.head, epoch: message.epoch });
        return;
      }
      this.#target = message.head;
      this.#catchUp();
    },

    reset: (message) => {
      this.#answered();
      this.#clear("gap");
      this.#target = message.head;
      this.#awaitingSnapshot = true;
      this.#tell("catching-up");
      this.#options.onMessage(message);
    },
  };

  #answered() {
    this.#resuming = false;
    this.#clear("resume");
  }

  #isBehind() {
    return (this.#options.cursor().after ?? 0) < this.#target;
  }

  #catchUp() {
    if (this.#isBehind()) this.resume();
    this.#tellProgress();
  }

  #tellProgress() {
    this.#tell(this.#isBehind() || this.#awaitingSnapshot ? "catching-up" : "live");
  }

  #tell(word) {
    if (word === this.#word) return;
    this.#word = word;
    this.#options.onState(word);
  }

  #send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #after(name, milliseconds, act) {
    this.#clear(name);
    const run = () => {
      this.#timers.delete(name);
      act();
    };
    this.#timers.set(name, setTimeout(run, milliseconds));
  }

  #clear(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #clearTimers() {
    for (const name of this.#timers.keys()) this.#clear(name);
  }
}
