#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A real broker of Apache Kafka, killed in the middle, and an agent, killed in the middle: nothing is lost, and nothing is there
twice for a consumer who takes each id once."""

import signal
import threading
import time

import topic
from broker import PASSWORD, SCRAM, Broker, Consumer
from certificates import Authority
from frames import send
from harness import Crosstap, check, check_equal, main, test, wait_for

PARTITIONS = 3


def agent(lab, address, **options):
    return Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], tags={"site": "ams"},
                    spool={"path": lab.path("spool")}, outputs=[{"kafka": {"brokers": [address], "topic": topic.TOPIC, **options}}])


def hold_one(broker, consumer, crosstap):
    """From now on the broker's answers are held; the consumer has points that the agent does not know to be delivered."""
    broker.proxy.hold()
    wait_for(lambda: len(consumer.read().points) > crosstap.metric("crosstap_points_total"), 60, "points whose answer is held")


def create_topic(broker, partitions=PARTITIONS, **config):
    from kafka.admin import NewTopic
    broker.ask_admin(lambda admin: admin.create_topics([NewTopic(topic.TOPIC, partitions, 1, topic_configs=config)]))


def reload(crosstap):
    crosstap.write_config()
    crosstap.process.kill(signal.SIGHUP)


def all_on_disk(crosstap, total):
    """Every window that has one of `total` queries, since the agent's start, was closed, and is in the spool."""
    crosstap.wait_metric("crosstap_dns_queries_total", total)
    spooled = crosstap.metric("crosstap_output_spool_batches")
    wait_for(lambda: crosstap.metric("crosstap_output_spool_batches") > spooled + 3, 60, "windows are on disk")


@test
def killed(lab):
    broker = Broker(lab)
    create_topic(broker)
    consumer = Consumer(broker, PARTITIONS)
    crosstap = agent(lab, f"127.0.0.1:{broker.outer}").start()
    where, sent = lab.path("hand.sock"), 0

    # The broker is killed while queries go on.
    going = threading.Event()

    def go_on():
        nonlocal sent
        while not going.is_set():
            send(where, 10)
            sent += 10
            time.sleep(0.1)
    sender = threading.Thread(target=go_on)
    sender.start()
    wait_for(lambda: consumer.read().total("dns", "queries") > 50, 60, "queries arrive")
    broker.kill()
    wait_for(lambda: crosstap.metric("crosstap_output_spool_points") > 0, 60, "the spool has points")
    broker.start()
    before = sent
    wait_for(lambda: consumer.read().total("dns", "queries") > before, 60, "they arrive again")
    going.set()
    sender.join()
    seen = topic.wait_total(consumer.read, sent, 60)
    check_equal(seen.duplicates, 0, "messages that came twice while one producer lived")
    check("works again" in crosstap.process.log(), "the outage and its end are said")

    # Answers that are lost: the same producer sends again, and the broker knows it.
    hold_one(broker, consumer, crosstap)
    send(where, 40)
    sent += 40
    broker.proxy.cut()
    send(where, 5)
    sent += 5
    seen = topic.wait_total(consumer.read, sent, 60)
    wait_for(lambda: crosstap.metric("crosstap_output_spool_points") == 0, 60, "all is delivered")
    check_equal(consumer.read().duplicates, 0, "messages that came twice after lost answers")

    # The broker has them, and the agent is killed before it knows: the next one sends them again.
    hold_one(broker, consumer, crosstap)
    send(where, 60)
    sent += 60
    all_on_disk(crosstap, sent)
    crosstap.stop(signal.SIGKILL)
    broker.proxy.cut()
    before = sent
    crosstap.start()
    send(where, 7)
    sent += 7
    wait_for(lambda: consumer.read().duplicates > 0, 60, "what nobody had acknowledged came again")
    seen = topic.wait_total(consumer.read, sent, 60)

    # Both are killed.
    broker.kill()
    send(where, 30)
    sent += 30
    wait_for(lambda: crosstap.metric("crosstap_output_spool_points") > 0, 60, "the spool has points")
    all_on_disk(crosstap, sent - before)
    crosstap.stop(signal.SIGKILL)
    broker.start()
    crosstap.start()
    seen = topic.wait_total(consumer.read, sent, 90)
    wait_for(lambda: crosstap.metric("crosstap_output_spool_points") == 0, 60, "all is delivered")
    wait_for(lambda: crosstap.api("status")["outputs"][0].get("kafka_brokers") == 1, 20, "librdkafka's own figures")
    check_equal(crosstap.stop(), 0, "exit code")
    seen = consumer.read()
    check_equal(seen.total("dns", "queries"), sent, "queries in the end")
    check_equal(seen.total("dns_qtype", "queries"), sent, "by type")
    check_equal(seen.twice(), [], "points that are there twice once each id was taken once")
    check_equal({len(partitions) for partitions in consumer.partitions_by_key.values()}, {1}, "a server has one partition")


@test
def small_messages(lab):
    """A topic that takes less than a message of ours: all of it goes in pieces."""
    broker = Broker(lab)
    create_topic(broker, 1, **{"max.message.bytes": "1200"})
    consumer = Consumer(broker, 1)
    crosstap = agent(lab, broker.address, compression="none").start()
    send(lab.path("hand.sock"), 25)
    seen = topic.wait_total(consumer.read, 25, 60)
    wait_for(lambda: consumer.read().total("dns_qtype", "queries") == 25, 60, "types, too")
    check("too large for it" in crosstap.process.log(), "it is said")
    check_equal(crosstap.metric("crosstap_points_rejected_total"), 0, "points refused")
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(seen.twice(), [], "points that came twice")


@test
def rights(lab):
    """TLS and a password: a wrong one, a topic that is not there, and rights that are missing are outages, each in its words."""
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
    authority = Authority(lab)
    certificate, key = authority.issue("localhost")
    both = lab.write("broker.pem", open(key).read() + open(certificate).read())
    broker = Broker(lab, both)
    secure = f"localhost:{broker.secure}"
    tls = {"enabled": True, "ca": authority.cert}

    def words(crosstap, text):
        wait_for(lambda: text in crosstap.process.log(), 60, lambda: f"{text!r} is said: {crosstap.process.log()[-600:]}")
        check_equal(crosstap.metric("crosstap_points_rejected_total"), 0, "points refused")

    crosstap = agent(lab, secure, tls={"enabled": True}, sasl={"mechanism": "plain", "username": "crosstap", "password": PASSWORD},
                     timeout="5s").start()
    send(lab.path("hand.sock"), 10)
    words(crosstap, "certificate verify failed")
    kafka = crosstap.config["outputs"][0]["kafka"]
    kafka |= {"tls": tls, "sasl": {"mechanism": "plain", "username": "crosstap", "password": "no-such-word"}}
    reload(crosstap)
    words(crosstap, "uthentication failed")
    kafka["sasl"]["password"] = "$KAFKA_PASSWORD"
    check_equal(crosstap.stop(), 0, "exit code")
    crosstap.start(env={"KAFKA_PASSWORD": PASSWORD})
    words(crosstap, f"topic {topic.TOPIC}: ")
    create_topic(broker, 1)
    words(crosstap, "they need Describe and Write")
    for operation in (ACLOperation.DESCRIBE, ACLOperation.WRITE):
        acl = ACL("User:crosstap", "*", operation, ACLPermissionType.ALLOW, ResourcePattern(ResourceType.TOPIC, topic.TOPIC))
        broker.ask_admin(lambda admin, acl=acl: admin.create_acls([acl]))
    consumer = Consumer(broker, 1)
    send(lab.path("hand.sock"), 5)
    topic.wait_total(consumer.read, 15, 90)
    for number, mechanism in enumerate(SCRAM, 1):
        kafka["sasl"] = {"mechanism": mechanism.lower(), "username": "crosstap", "password": "no-such-word"}
        before = crosstap.process.log().count("uthentication failed")
        reload(crosstap)
        wait_for(lambda: crosstap.process.log().count("uthentication failed") > before, 60, f"{mechanism} with a wrong password")
        kafka["sasl"]["password"] = "$KAFKA_PASSWORD"
        reload(crosstap)
        send(lab.path("hand.sock"), 5)
        seen = topic.wait_total(consumer.read, 15 + 5 * number, 90)
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(seen.twice(), [], "points that came twice")
    check(PASSWORD not in crosstap.process.log(), "the password is in the log")


if __name__ == "__main__":
    main()
