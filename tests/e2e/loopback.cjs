/**
 * Loaded before kinesis-local, which listens on every address of the machine without an option against
 * it: whatever asks for a port gets it on 127.0.0.1.
 */
const { Server } = require("node:net");

const { listen } = Server.prototype;
Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, Number(port), "127.0.0.1", ...rest.filter((each) => typeof each === "function"));
};
