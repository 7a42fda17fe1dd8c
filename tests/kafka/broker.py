# SPDX-License-Identifier: BSD-2-Clause
"""A real broker of Apache Kafka (KRaft, one node) that can be killed, a proxy that can keep its answers, and a consumer."""

import base64
import glob
import os
import signal
import socket
import subprocess
import threading
import uuid

import topic
from checks import BUILD, Failure, wait_for
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from lab import Process
from network import free_port

JARS = os.path.join(os.path.abspath(BUILD), "kafka", "jars", "*")
PASSWORD = "hunter2hunter2"
LOGIN = "org.apache.kafka.common.security."
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")


class Proxy:
    """What an agent connects to. `hold` keeps what the broker answers; `cut` ends all connections."""

    def __init__(self, port, target):
        self.target, self.pairs = target, []
        self.free = threading.Event()
        self.free.set()
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self.pairs.append((client, server))
            for one, other, answers in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.pump, args=(one, other, answers), daemon=True).start()

    def pump(self, one, other, answers):
        try:
            while data := one.recv(65536):
                if answers:
                    self.free.wait()
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def hold(self):
        self.free.clear()

    def release(self):
        self.free.set()

    def cut(self):
        """Answers that were held are lost."""
        for pair in self.pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs.clear()
        self.release()


class Broker:
    """Listeners: one behind the proxy, one for the consumer, one with TLS and passwords, whose users have rights only by ACLs."""

    def __init__(self, lab, certificate=None):
        self.lab, self.process, self.admin = lab, None, None
        self.inner, self.direct, self.secure, self.controller, self.outer = (free_port(("127.0.0.1",)) for _ in range(5))
        lines = {"process.roles": "broker,controller", "node.id": 1, "controller.quorum.voters": f"1@127.0.0.1:{self.controller}",
                 "controller.listener.names": "CONTROLLER", "inter.broker.listener.name": "DIRECT",
                 "listeners": f"PROXIED://127.0.0.1:{self.inner},DIRECT://127.0.0.1:{self.direct},"
                              f"CONTROLLER://127.0.0.1:{self.controller}",
                 "advertised.listeners": f"PROXIED://127.0.0.1:{self.outer},DIRECT://127.0.0.1:{self.direct}",
                 "listener.security.protocol.map": "PROXIED:PLAINTEXT,DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
                 "log.dirs": lab.path("kafka-logs"), "offsets.topic.replication.factor": 1,
                 "auto.create.topics.enable": "false", "group.initial.rebalance.delay.ms": 0}
        if certificate:
            lines["listeners"] += f",SECURE://127.0.0.1:{self.secure}"
            lines["advertised.listeners"] += f",SECURE://localhost:{self.secure}"
            lines |= {"ssl.keystore.type": "PEM", "ssl.keystore.location": certificate,
                      "sasl.enabled.mechanisms": ",".join(("PLAIN", *SCRAM)),
                      "listener.name.secure.plain.sasl.jaas.config": f'{LOGIN}plain.PlainLoginModule required user_crosstap="{PASSWORD}";',
                      **{f"listener.name.secure.{name.lower()}.sasl.jaas.config": f"{LOGIN}scram.ScramLoginModule required;"
                         for name in SCRAM},
                      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                      "super.users": "User:ANONYMOUS"}
        self.properties = lab.write("server.properties", "".join(f"{key}={value}\n" for key, value in lines.items()))
        users = [word for name in SCRAM for word in ("--add-scram", f"{name}=[name=crosstap,password={PASSWORD}]")]
        self.java("kafka.tools.StorageTool", "format", "--cluster-id", self.cluster(), "--config", self.properties, *users)
        self.start()
        self.proxy = Proxy(self.outer, self.inner)

    @staticmethod
    def cluster():
        return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")

    def java(self, *arguments):
        done = subprocess.run(["java", "-Xmx256m", "-cp", JARS, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"{arguments[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")

    def start(self):
        self.process = Process(self.lab, "kafka", ["java", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", JARS, "kafka.Kafka", self.properties])
        wait_for(self.answers, 90, lambda: f"the broker answers: {self.process.log()[-500:]}")
        return self

    def answers(self):
        self.process.must_live()
        try:
            socket.create_connection(("127.0.0.1", self.direct)).close()
            return self.ask_admin(lambda admin: admin.list_topics()) is not None
        except (OSError, KafkaError):
            return False

    def kill(self):
        """kill -9, as a machine's out-of-memory killer does it."""
        self.process.stop(signal.SIGKILL)

    @property
    def address(self):
        return f"127.0.0.1:{self.direct}"

    def ask_admin(self, what):
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        try:
            return what(admin)
        finally:
            admin.close()


class Consumer:
    """All that the topic has had, in the order of its partitions."""

    def __init__(self, broker, partitions):
        self.messages, self.partitions_by_key = [], {}
        self.consumer = KafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest",
                                      enable_auto_commit=False, group_id=None)
        self.consumer.assign([TopicPartition(topic.TOPIC, n) for n in range(partitions)])

    def read(self, form="line"):
        for records in self.consumer.poll(timeout_ms=500).values():
            for record in records:
                key = record.key.decode()
                self.partitions_by_key.setdefault(key, set()).add(record.partition)
                self.messages.append({"key": key, "id": dict(record.headers)["crosstap-id"].decode(),
                                      "value": record.value.decode()})
        return topic.Consumed(self.messages, form)


assert glob.glob(JARS), f"{JARS}: scripts/kafka fetches them"
