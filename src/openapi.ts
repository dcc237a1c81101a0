import type { Hono } from "hono";
import { openAPIRouteHandler } from "hono-openapi";
import type { AppEnv } from "#platform/http.ts";

/** The document of every route that describes itself. */
export const describeApp = (app: Hono<AppEnv>) =>
  openAPIRouteHandler(app, {
    documentation: {
      info: {
        title: "Yardgate",
        version: "0.1.0",
        description: "The backend of a smart-intercom, CCTV and smart-home operator.",
      },
      tags: [
        { name: "smartyard", description: "Always POST, always JSON, always `{ code, name, message, data }`." },
        {
          name: "gateway",
          description: "Phones that relay SMS. The old texts of sync, seeds and SMS: docs/sms-gateway.md.",
        },
        { name: "inventory", description: "Always POST; JSON or an empty text. For billing and CRM." },
      ],
      components: {
        securitySchemes: {
          integration: {
            type: "http",
            scheme: "bearer",
            description: "INTEGRATION_TOKEN, also taken as the password of Basic.",
          },
          resident: {
            type: "http",
            scheme: "bearer",
            description: "The token of one signed-in app, from `/api/user/confirmCode`.",
          },
        },
      },
    },
  });
