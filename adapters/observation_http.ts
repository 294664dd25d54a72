/**
 * What monitoring asks a process over HTTP, by GET: `/metrics` (metrics.ts), `/ready` (200 where it can serve the
 * network, else 503, with the reasons as JSON), `/live` (200 while the machines answer, else 503).
 *
 * There is no authentication: the address belongs on the loopback interface or a network of the operator's. A
 * connection serves one request; connections, headers and times are bounded.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listenAt } from "./http_listen.ts";
import { expositionType, type Metrics } from "./metrics.ts";
import { watchProcess } from "./metrics_process.ts";
import type { ViewKind } from "./metrics_views.ts";

export interface ObservationOptions<View> {
  /** `host:port`. */
  readonly address: string;
  readonly metrics: Metrics;
  /** Null where the machine does not answer. */
  readonly view: () => Promise<View | null>;
  readonly kind: ViewKind<View>;
}

export interface Observation {
  /** Rejects with a CommandError where the address cannot be listened at. */
  readonly listen: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const connectionsMax = 16;
/** For the whole exchange, in ms. */
const deadlineMs = 5000;
const headerBytesMax = 8 * 1024;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const json = (status: number, value: unknown): Answer => ({
  status,
  type: "application/json; charset=utf-8",
  body: `${JSON.stringify(value)}\n`,
});

export const createObservation = <View>(options: ObservationOptions<View>): Observation => {
  const { address, metrics, view, kind } = options;
  const watch = watchProcess(metrics);

  const scrape = async (): Promise<Answer> => {
    const seen = await view();
    if (seen !== null) kind.show(metrics, seen);
    watch.refresh();
    return { status: 200, type: expositionType, body: metrics.render() };
  };

  const ready = async (): Promise<Answer> => {
    const seen = await view();
    const reasons = seen === null ? ["no-answer"] : kind.unready(seen);
    return json(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons });
  };

  const live = async (): Promise<Answer> => {
    const seen = await view();
    return json(seen === null ? 503 : 200, { live: seen !== null });
  };

  const routes: ReadonlyMap<string, () => Promise<Answer>> = new Map([
    ["/metrics", scrape],
    ["/ready", ready],
    ["/live", live],
  ]);

  const answer = ({ method, url }: IncomingMessage): Promise<Answer> => {
    const route = routes.get(url?.split("?")[0] ?? "");
    if (route === undefined) return Promise.resolve(json(404, { error: "try /metrics, /ready or /live" }));
    return method === "GET" ? route() : Promise.resolve(json(405, { error: "only GET" }));
  };

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const timer = setTimeout(() => request.socket.destroy(), deadlineMs);
    response.on("close", () => clearTimeout(timer));
    void answer(request).then(({ status, type, body }) => {
      response.writeHead(status, {
        "Content-Type": type,
        Connection: "close",
        ...(status === 405 ? { Allow: "GET" } : {}),
      });
      response.end(body);
    });
  };

  const server = createServer(
    { requestTimeout: deadlineMs, headersTimeout: deadlineMs, maxHeaderSize: headerBytesMax },
    onRequest,
  );
  server.maxConnections = connectionsMax;

  return {
    listen: () => listenAt(server, address),
    stop: async () => {
      watch.stop();
      if (!server.listening) return;
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
};
