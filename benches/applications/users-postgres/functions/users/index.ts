import pg from "pg";

/** Answers at once; shows where the database would be. */
export async function handler(event: Request) {
  return answer(200, { database: `${process.env.DB_HOSTNAME}:${process.env.DB_PORT}/${process.env.DB_DATABASE_NAME}`, pool: typeof pg.Pool });
}

/** The parts of API Gateway's event (payload formats 1.0 and 2.0) that are read here. */
export interface Request {
  httpMethod?: string;
  requestContext: { http?: { method: string }; authorizer?: Record<string, any> };
  pathParameters?: Record<string, string> | null;
  queryStringParameters?: Record<string, string> | null;
  body?: string | null;
}

function answer(statusCode: number, body: unknown) {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (process.env.CORS_ORIGINS) {
    headers["access-control-allow-origin"] = process.env.CORS_ORIGINS.split(",")[0]!;
  }
  return { statusCode, headers, body: JSON.stringify(body) };
}
