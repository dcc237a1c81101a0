// Prints each text frame of a websocket as a line, and `closed <code> <reason>` as the last one: node websocket-lines.mjs <URL>
const socket = new WebSocket(process.argv[2]);
socket.onmessage = ({ data }) => console.log(data);
socket.onclose = ({ code, reason }) => console.log(`closed ${code} ${reason}`.trimEnd());
