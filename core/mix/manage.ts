/**
 * What an operator asks of a running node: by the management socket (wire-facts §10), and by a configuration file that
 * was read again.
 *
 * @module
 */
import { absurd } from "../machine.ts";
import type { Manage, ManageAnswer } from "../management/request.ts";
import { manageUser } from "../provider/accounts.ts";
import type { ProviderState } from "../provider/provider.ts";
import type { RateLimit } from "../token_bucket.ts";
import type { Limits } from "./config.ts";
import type { NodeReport, Status } from "./node_view.ts";
import { nodeView } from "./node_view.ts";
import { settleProvider } from "./terminal.ts";
import { emit, takeId, type Turn, update } from "./turn.ts";

/** What may change while a node runs: told to it by the driver. Connections that stand keep their deadlines. */
export interface Reconfigure {
  readonly type: "Reconfigure";
  readonly limits: Limits;
  readonly sendDecoyTraffic: boolean;
}

export const onReconfigure = (turn: Turn, { limits, sendDecoyTraffic }: Reconfigure): void =>
  update(turn, { config: { ...turn.state.config, limits, sendDecoyTraffic } });

export const onStatus = (turn: Turn, { id }: Status): void => {
  const event: NodeReport = { type: "Status", id, view: nodeView(turn.state, turn.time) };
  emit(turn, { type: "Notify", event });
};

export const onManage = (turn: Turn, { id, request }: Manage): void => {
  const { provider, restoring } = turn.state;
  if (provider === null || restoring !== null) return answer(turn, id, { type: "Failed", reason: "not-ready" });
  switch (request.type) {
    case "SendRate":
      return setRates(turn, id, provider, { ratePerMinute: request.ratePerMinute });
    case "SendBurst":
      return setRates(turn, id, provider, { burst: request.burst });
    case "AddUser":
    case "UpdateUser":
    case "RemoveUser":
    case "SetUserIdentity":
    case "UserIdentity":
    case "UserLink":
      return settleProvider(turn, manageUser(provider, takeId(turn), id, request));
    default:
      return absurd(request);
  }
};

const answer = (turn: Turn, id: number, of: ManageAnswer): void =>
  emit(turn, { type: "Notify", event: { type: "Managed", id, answer: of } });

const setRates = (turn: Turn, id: number, provider: ProviderState, rates: Partial<ProviderState["rates"]>): void => {
  update(turn, { provider: { ...provider, rates: { ...provider.rates, ...rates } } });
  answer(turn, id, { type: "Done" });
};

/** How much each client may send now: the document's rate, and the operator's word before it. */
export const clientRateLimit = ({ state: { provider, documents, config }, time }: Turn): RateLimit => {
  const published = documents.known.get(time.epoch)?.document.parameters.sendRatePerMinute ?? 0;
  const { sendBurst } = config.limits;
  const burst = provider?.rates.burst ?? sendBurst;
  // As in Go, a burst of 0 sets no limit, as a rate of 0 does.
  if (burst === 0) return { ratePerMinute: 0, burst: sendBurst };
  return { ratePerMinute: provider?.rates.ratePerMinute ?? published, burst };
};
