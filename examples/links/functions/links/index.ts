import { randomBytes } from "node:crypto";

import { z } from "zod";

import { find, save } from "./store.js";

/** The part of API Gateway's event that this function reads (payload format 2.0). */
interface Request {
  requestContext: { http: { method: string } };
  pathParameters?: { code?: string };
  body?: string;
}

interface Answer {
  statusCode: number;
  headers?: Record<string, string>;
  body?: string;
}

const Wanted = z.object({ url: z.url({ protocol: /^https$/ }).max(2000) });

const WEEK_S = 7 * 24 * 60 * 60;

export async function handler(request: Request): Promise<Answer> {
  return request.requestContext.http.method === "POST" ? create(request.body) : follow(request.pathParameters?.code);
}

async function create(body = ""): Promise<Answer> {
  const wanted = Wanted.safeParse(parsed(body));
  if (!wanted.success) {
    return json(400, { message: "The body must be a JSON object with an https URL" });
  }
  const link = { code: randomBytes(6).toString("base64url"), url: wanted.data.url };
  await save({ ...link, expires: Math.floor(Date.now() / 1000) + WEEK_S });
  return json(201, link);
}

async function follow(code = ""): Promise<Answer> {
  const link = await find(code);
  return link ? { statusCode: 302, headers: { location: link.url } } : json(404, { message: "No such link" });
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function json(statusCode: number, body: object): Answer {
  return { statusCode, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
