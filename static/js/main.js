import { Announcer } from "./announcer.js";
import { ChosenFiles } from "./chosen-files.js";
import { ConnectionBadge } from "./connection-badge.js";
import { DropZone } from "./drop-zone.js";
import { textOf } from "./file-name.js";
import { GalleryFeed } from "./gallery-feed.js";
import { GalleryView } from "./gallery-view.js";
import { LostCards } from "./lost-cards.js";
import { OlderPages } from "./older-pages.js";
import { PictureDialog } from "./picture-dialog.js";
import { ServerClock } from "./server-clock.js";
import { SizeAndFormat } from "./size-and-format.js";
import { ThemeSwitch } from "./theme-switch.js";
import { UploadQueue } from "./upload-queue.js";
import { stateText } from "./upload-row.js";
import { UploadView } from "./upload-view.js";
import { Viewers } from "./viewers.js";

const CARDS_KEPT = 300;
const CARDS_KEPT_BEHIND_DIALOG = 1_000; // or the picture that somebody looks at would soon be among those let go

const find = (id) => document.getElementById(id);
const config = JSON.parse(find("config").textContent);

const lastState = new WeakMap();
const announcer = new Announcer(() => find(find("picture-dialog").open ? "picture-announcements" : "announcements"));
const badge = new ConnectionBadge({ element: find("connection"), announce: (text) => announcer.say(text) });
const viewers = new Viewers(find("viewers"));

const clock = new ServerClock();
const feed = new GalleryFeed({
  config,
  clock,
  onConnection: (word) => {
    badge.show(word);
    if (word === "live") queue.settle(feed.state);
  },
  onViewers: (number) => viewers.show(number),
  bounds: () => ({
    keep: find("picture-dialog").open ? CARDS_KEPT_BEHIND_DIALOG : CARDS_KEPT,
    counts: (card) => gallery.maySee(card),
    readingFrom: gallery.readingFrom,
  }),
  onChange: (state) => {
    gallery.show(state);
    queue.settle(state);
    olderPages.check();
  },
});

const gallery = new GalleryView({
  section: find("gallery"),
  template: find("card-template"),
  config,
  now: clock.now,
  renew: (ids) => feed.renew(ids),
  reload: () => feed.reload(),
  onOpen: (id) => dialog.open(id),
  onEmpty: (isEmpty) => find("page").classList.toggle("is-empty", isEmpty),
  onDraw: () => dialog.update(),
});

const dialog = new PictureDialog({
  dialog: find("picture-dialog"),
  now: clock.now,
  find: (id) => feed.state.cards.get(id),
  neighbour: (id, step) => gallery.neighbour(id, step),
  renew: (ids) => feed.renew(ids),
  hasOlder: () => typeof feed.state.next === "number" && canKeepOlder(),
  loadOlder: () => feed.loadMore(),
  onClose: (card) => gallery.focus(card),
});

const olderPages = new OlderPages({
  end: find("pictures-end"),
  button: find("pictures-more").querySelector("button"),
  loadMore: () => feed.loadMore(),
});

const lostCards = new LostCards({
  config,
  onFound: (card) => queue.found(card),
  onGone: (id) => queue.gone(id),
});

const queue = new UploadQueue({
  config,
  lookUp: (card) => lostCards.lookUp(card),
  epoch: () => feed.state.epoch,
  onAccepted: (card, epoch) => {
    gallery.trust(card.owner);
    feed.add(card, epoch);
    queue.settle(feed.state);
  },
  onChange: (upload) => {
    uploads.patch(upload);
    announceEnd(upload);
  },
});

const uploads = new UploadView({
  section: find("uploads"),
  rowTemplate: find("upload-row-template"),
  comparisonTemplate: find("comparison-template"),
  config,
  fallback: find("file-input"),
  onCancel: (upload) => queue.cancel(upload),
  onRetry: (upload) => queue.retry(upload),
  onDismiss: (upload) => {
    queue.dismiss(upload);
    chosen.update();
  },
  onMissing: (upload) => lostCards.lookUp(upload.card),
});

const choice = new SizeAndFormat({ details: find("choice"), config, onChange: () => chosen.update() });

const chosen = new ChosenFiles({ choice, queue, place: find("choice-send"), fallback: find("file-input") });

const dropZone = new DropZone({
  input: find("file-input"),
  veil: find("drop-veil"),
  onFiles: (files) => chosen.take(files),
});

/** Says how it ended, once: its card may be fetched again much later. */
function announceEnd(upload) {
  const isKnown = lastState.get(upload) === upload.state;
  lastState.set(upload, upload.state);
  if (isKnown) return;
  if (upload.state !== "ready" && upload.state !== "failed") return;
  const isFailure = upload.state === "failed";
  announcer.say(`${textOf(upload.file.name)}: ${stateText(upload, config)}`, { isFailure });
}

/** Behind the dialog, of what lies beyond those kept each page would be forgotten as soon as it has come. */
function canKeepOlder() {
  return gallery.readingFrom !== null || feed.state.cards.size < CARDS_KEPT_BEHIND_DIALOG;
}

const theme = new ThemeSwitch(find("theme"));
for (const part of [theme, gallery, dialog, olderPages, uploads, queue, choice, chosen, dropZone, feed]) part.start();
