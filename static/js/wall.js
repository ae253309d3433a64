import { connectionText } from "./format.js";
import { GalleryFeed } from "./gallery-feed.js";
import { isReady } from "./gallery-state.js";
import { ServerClock } from "./server-clock.js";
import { WallDirector } from "./wall-director.js";
import { WallPictures } from "./wall-pictures.js";
import { WallScreen } from "./wall-screen.js";
import { WallView } from "./wall-view.js";

const CARDS_KEPT = 60;
const CONNECTION_PATIENCE_MS = 1_000;

let connectionTimer = null;
const config = JSON.parse(document.getElementById("config").textContent);
const view = new WallView(document.getElementById("wall"));
const clock = new ServerClock();
const pictures = new WallPictures({
  now: clock.now,
  renew: (ids) => feed.renew(ids),
  onLoaded: (id) => director.pictureLoaded(id),
});
const director = new WallDirector({ view, pictures });
const feed = new GalleryFeed({
  config,
  clock,
  bounds: () => ({ keep: CARDS_KEPT, counts: isReady }),
  onChange: (state) => {
    director.update(state);
    refill();
  },
  onConnection: showConnection,
});
const screen = new WallScreen({ onResize: () => director.resize() });

screen.start();
feed.start();

/** Loads older pictures while fewer are ready than a wall keeps: when many were removed, or failed. */
async function refill() {
  const isFull = () => [...feed.state.cards.values()].filter(isReady).length >= CARDS_KEPT;
  try {
    while (!isFull() && (await feed.loadMore()));
  } catch {
    // The next change, or the connection that comes back, asks again.
  }
}

/** Says so only when the wall has not been live for a moment. */
function showConnection(word) {
  clearTimeout(connectionTimer);
  const show = () => view.showConnection(word, connectionText(word));
  if (word === "live") {
    show();
    pictures.tryAgain();
    refill();
  } else connectionTimer = setTimeout(show, CONNECTION_PATIENCE_MS);
}
