import type { Node, NodeMessage, NodeMessageInFlow } from 'node-red';
import type { AcknowledgementMode, MessageHandler } from '../../src/client/router';
import type { SessionClient } from '../../src/client/session-client';
import { SessionError } from '../../src/errors';
import type { Broker } from '../mqtt-persistent-broker/broker';
import type { SessionUser } from '../mqtt-persistent-broker/session-users';
import { isConnectionAction, performConnectionAction } from '../shared/connection-actions';
import type { Datatype } from '../shared/payload';
import {
  type DynamicSubscription,
  filtersToUnsubscribe,
  requestedSubscriptions,
  subscriptionNote,
  subscriptionRequest,
} from '../shared/subscribe-action';

/**
 * An in node that subscribes to what messages tell it. Its subscriptions are part of the session, which remembers them
 * with their options; so there is no list of them here.
 */
export class DynamicSubscriber implements SessionUser {
  constructor(
    readonly node: Node,
    private readonly broker: Broker,
    private readonly handler: (datatype: Datatype) => MessageHandler,
    private readonly datatype: Datatype,
    private readonly acknowledge: AcknowledgementMode,
    private readonly translate: (key: string) => string,
  ) {}

  restore(client: SessionClient): void {
    for (const subscription of this.#subscriptions(client)) {
      this.#subscribe(client, subscription, subscriptionNote(subscription));
    }
  }

  /** Carries out `msg.action`. @throws SessionError for what cannot be done; nothing was changed then. */
  async input(msg: NodeMessageInFlow, send: (msg: NodeMessage) => void): Promise<void> {
    const { action } = msg;
    if (isConnectionAction(action)) {
      await performConnectionAction(action, this.broker, msg);
      return;
    }
    switch (action) {
      case 'subscribe': {
        const requested = requestedSubscriptions(msg.topic, this.broker.protocolVersion);
        const client = await this.broker.ready();
        const noted = requested.map((subscription) => ({ subscription, note: subscriptionNote(subscription) }));
        for (const { subscription, note } of noted) this.#subscribe(client, subscription, note);
        msg.subscriptions = this.#subscriptions(client);
        return;
      }
      case 'unsubscribe': {
        const client = await this.broker.ready();
        const present = this.#subscriptions(client).map(({ topic }) => topic);
        for (const filter of filtersToUnsubscribe(msg.topic, present)) client.unsubscribe(this.node.id, filter);
        msg.subscriptions = this.#subscriptions(client);
        return;
      }
      case 'getSubscriptions':
        msg.topic = 'subscriptions';
        msg.payload = this.#subscriptions(await this.broker.ready());
        send(msg);
        return;
      default:
        throw new SessionError('ERR_ACTION', this.translate('shared.runtime.errors.invalid-action'));
    }
  }

  #subscribe(client: SessionClient, subscription: DynamicSubscription, note: string): void {
    const handler = this.handler(subscription.datatype ?? this.datatype);
    const options = { note, acknowledge: this.acknowledge };
    client.subscribe(this.node.id, subscriptionRequest(subscription), handler, options);
  }

  #subscriptions(client: SessionClient): DynamicSubscription[] {
    return client
      .remembered(this.node.id)
      .filter(({ subscription }) => subscription.state !== 'removing')
      .map(({ note }) => JSON.parse(note) as DynamicSubscription);
  }
}
