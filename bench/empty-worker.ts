import { Hono } from "hono";

/** The least that a Hono worker can do for a request: what every figure of the bench is compared with. */
const app = new Hono();

app.get("/api/accessfl", (c) => c.body(null));

export default app;
