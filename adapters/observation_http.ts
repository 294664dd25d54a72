/**
 * What monitoring asks a process over HTTP, by GET: `/metrics` (metrics.ts), `/ready` (200 where it can serve the
 * network, else 503, with the reasons as JSON), `/live` (200 while the machines answer, else 503).
 *
 * There is no authentication: the address belongs on the loopback interface or a network of the operator's. A
 * connection serves one request; connections, headers and times are bounded (http_server.ts).
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { createHttpServer, type HttpAnswer } from "./http_server.ts";
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

const json = (status: number, value: unknown): HttpAnswer => ({
  status,
  type: "application/json; charset=utf-8",
  body: `${JSON.stringify(value)}\n`,
});

export const createObservation = <View>(options: ObservationOptions<View>): Observation => {
  const { address, metrics, view, kind } = options;
  const watch = watchProcess(metrics);

  const scrape = async (): Promise<HttpAnswer> => {
    const seen = await view();
    if (seen !== null) kind.show(metrics, seen);
    watch.refresh();
    return { status: 200, type: expositionType, body: metrics.render() };
  };

  const ready = async (): Promise<HttpAnswer> => {
    const seen = await view();
    const reasons = seen === null ? ["no-answer"] : kind.unready(seen);
    return json(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons });
  };

  const live = async (): Promise<HttpAnswer> => {
    const seen = await view();
    return json(seen === null ? 503 : 200, { live: seen !== null });
  };

  const routes: ReadonlyMap<string, () => Promise<HttpAnswer>> = new Map([
    ["/metrics", scrape],
    ["/ready", ready],
    ["/live", live],
  ]);

  const answer = ({ method, url }: IncomingMessage): Promise<HttpAnswer> => {
    const route = routes.get(url?.split("?")[0] ?? "");
    if (route === undefined) return Promise.resolve(json(404, { error: "try /metrics, /ready or /live" }));
    return method === "GET"
      ? route()
      : Promise.resolve({ ...json(405, { error: "only GET" }), headers: { Allow: "GET" } });
  };

  const server = createHttpServer({
    deadlineMs,
    connections: connectionsMax,
    connectionsPerAddress: connectionsMax,
    headerBytesMax,
    answer,
  });

  return {
    listen: async () => void (await server.listen(address)),
    stop: async () => {
      watch.stop();
      await server.stop();
    },
  };
};
