// Socket.IO with its own rooms: each line on standard input sends one event to the room that every socket is in.
// Arguments: the port, the folder with node_modules, the bytes of a message.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [port, folder, bytes] = process.argv.slice(2);
const { Server } = createRequire(`${folder}/`)("socket.io");
const http = createServer();
const io = new Server(http, { transports: ["websocket"] });
let number = 0;

io.on("connection", (socket) => socket.join("viewers"));

createInterface({ input: process.stdin }).on("line", () => {
  number += 1;
  const empty = JSON.stringify({ type: "changes", to: number, padding: "" });
  const message = { type: "changes", to: number, padding: "x".repeat(bytes - empty.length) };
  const moment = Number(process.hrtime.bigint()) / 1e9; // the same clock as Python's time.monotonic()
  io.to("viewers").emit("changes", message);
  console.log(number, moment);
});

http.listen(Number(port), "127.0.0.1");
