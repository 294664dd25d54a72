/**
 * Questions to the machine of a process, and its answers: each goes out as an event with an id and comes back in a
 * Notify of the same id.
 *
 * @module
 */
import type { Manage, ManageAnswer, Managed, ManageRequest } from "../core/management/request.ts";

/** Asks for the view of a node (core/mix/node_view.ts) or an authority (core/pki/authority_view.ts). */
interface Status {
  readonly type: "Status";
  readonly id: number;
}

/** What a Notify may bring back. */
export type InquiryAnswer = Managed | { readonly type: "Status"; readonly id: number; readonly view: unknown };

export interface Inquiries<View> {
  /** Null where the machine does not answer. */
  readonly status: () => Promise<View | null>;
  readonly manage: (request: ManageRequest) => Promise<ManageAnswer>;
  /** Takes the events of Notify effects: true for an answer. */
  readonly onNotify: (event: unknown) => boolean;
}

/** Questions that may wait for an answer. */
const pendingMax = 256;
/** A change of an account waits for the disk. */
const deadlineMs = 30_000;

const notReady: ManageAnswer = { type: "Failed", reason: "not-ready" };

const isAnswer = (event: unknown): event is InquiryAnswer => {
  const { type } = event as { readonly type?: unknown };
  return type === "Managed" || type === "Status";
};

/** `tell` hands an event to the machine: false where it cannot be taken. */
export const createInquiries = <View>(tell: (event: Manage | Status) => boolean): Inquiries<View> => {
  const pending = new Map<number, (answer: InquiryAnswer | null) => void>();
  let asked = 0;

  const ask = (eventOf: (id: number) => Manage | Status): Promise<InquiryAnswer | null> =>
    new Promise((resolve) => {
      const id = asked++;
      if (pending.size >= pendingMax || !tell(eventOf(id))) return resolve(null);
      const settle = (answer: InquiryAnswer | null): void => {
        clearTimeout(timer);
        pending.delete(id);
        resolve(answer);
      };
      const timer = setTimeout(() => settle(null), deadlineMs).unref();
      pending.set(id, settle);
    });

  return {
    status: async () => {
      const answer = await ask((id) => ({ type: "Status", id }));
      return answer?.type === "Status" ? answer.view as View : null;
    },
    manage: async (request) => {
      const answer = await ask((id) => ({ type: "Manage", id, request }));
      return answer?.type === "Managed" ? answer.answer : notReady;
    },
    onNotify: (event) => {
      if (!isAnswer(event)) return false;
      pending.get(event.id)?.(event);
      return true;
    },
  };
};
