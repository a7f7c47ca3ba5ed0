import type { KnownDeviation } from './deviation';

/** The two scenarios in which a broker's memory of its sessions shows. */
const BROKER_RESTART = ['broker-restart-qos1', 'broker-restart-qos2'];

/**
 * The one table of what brokers do otherwise. A deviation without a row fails the command, and so does a row that
 * explains nothing any more. The numbers of the rows are those in docs/interoperability.md.
 */
export const KNOWN_DEVIATIONS: readonly KnownDeviation[] = [
  {
    broker: 'mosquitto',
    scenarios: ['offline-queue-2000'],
    names: ['missing'],
    does: 'Keeps 1,000 messages for a client that is away, and drops those that come after them.',
    follows: 'What is published to an absent client beyond that never reaches it. Set max_queued_messages.',
    source: 'mosquitto.conf(5), max_queued_messages',
  },
  {
    broker: ['mosquitto', 'mosquitto-unlimited'],
    scenarios: ['broker-restart-qos2'],
    names: ['repeated'],
    does: 'Sends a message of QoS 2 again, with DUP, that waited for PUBCOMP when it was stopped, although it was released.',
    follows: 'It may be handed over a second time, marked as redelivered. No client can tell it from a new message.',
    sometimes: true,
  },
  {
    broker: ['aedes', 'rabbitmq', 'nats'],
    version: 5,
    scenarios: ['connect'],
    names: ['version-refused', 'connection-closed'],
    does: 'Speaks MQTT 3.1.1 only: it refuses MQTT 5 (CONNACK 1), or, RabbitMQ, closes the connection without an answer.',
    follows: 'Choose MQTT 3.1.1 in the broker node. The status shows the refusal; nothing queued is lost meanwhile.',
  },
  {
    broker: ['rabbitmq', 'nats'],
    version: 4,
    scenarios: ['publish-qos2', 'receive-qos2'],
    names: ['qos-lowered'],
    does: 'Grants QoS 1 to a subscriber that asks for QoS 2.',
    follows: 'A message may come more than once: exactly once ends at this broker.',
  },
  {
    broker: 'nats',
    version: 4,
    scenarios: ['publish-qos2'],
    names: ['connection-closed', 'given-up', 'missing'],
    does: 'Closes the connection when a message of QoS 2 is published, and MQTT 3.1.1 has no way to say so before.',
    follows:
      'Each such message ends three connections and then becomes a dead letter; those behind it wait. Publish with QoS 0 or 1.',
  },
  {
    broker: 'rabbitmq',
    version: 4,
    scenarios: ['topic-names'],
    names: ['changed'],
    does: 'Turns a dot in a topic name into a slash (a.b arrives as a/b).',
    follows: 'Use no dots in topics.',
  },
  {
    broker: 'nats',
    version: 4,
    scenarios: ['topic-names'],
    names: ['connection-closed', 'given-up', 'missing'],
    does: 'Closes the connection when the topic of a message has a dot or a space.',
    follows: 'Such a message ends three connections and then becomes a dead letter. Use neither in topics.',
  },
  {
    broker: 'nats',
    version: 4,
    scenarios: ['network-loss-qos1', 'process-killed-qos1', 'broker-restart-qos1'],
    names: ['delayed', 'out-of-order'],
    does: 'Sends what was not acknowledged again only 30 s after it was sent first, also to a client that is back at once, and behind newer messages.',
    follows: 'After a lost connection messages may arrive half a minute late, and out of order. See ack_wait.',
    sometimes: true,
  },
  {
    broker: 'nats',
    version: 4,
    scenarios: ['broker-restart-qos1'],
    names: ['missing'],
    does: 'After a restart it acknowledges messages and does not pass them on to subscribers whose sessions it has kept, as long as these are not connected again.',
    follows: 'Messages that the broker has acknowledged (PUBACK) right after its restart can be lost behind it.',
    sometimes: true,
  },
  {
    broker: 'aedes',
    version: 4,
    scenarios: ['network-loss-qos1', 'network-loss-qos2', 'process-killed-qos1', 'process-killed-qos2'],
    names: ['out-of-order', 'repeated'],
    does: 'After a lost connection it sends messages of QoS 2 again as new ones, with another identifier, and messages of both QoS out of order.',
    follows: 'Messages from this broker may come twice at QoS 2. No client can tell them from new ones.',
    sometimes: true,
  },
  {
    broker: ['aedes', 'ejabberd'],
    scenarios: BROKER_RESTART,
    names: ['session-forgotten', 'missing', 'repeated', 'delayed', 'out-of-order'],
    does: 'Keeps sessions in memory: a restart forgets them, with every message that it had taken and not passed on.',
    follows:
      'The client subscribes again and publishes again what was not acknowledged; what the broker had acknowledged and not delivered is gone, and what it had delivered may come twice.',
  },
  {
    broker: 'ejabberd',
    version: 5,
    scenarios: ['shared-subscription'],
    names: ['subscription-refused'],
    does: 'Has no shared subscriptions, and says so in CONNACK.',
    follows: 'The subscription is reported as refused (0x9E) and not sent: it would end the connection, each time.',
  },
];
