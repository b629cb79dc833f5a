"""A till in one file: it takes a payment through tillpost, follows it to its end, and pays it back."""

import argparse
import json
import queue
import sys
import threading
import time
import uuid

import paho.mqtt.client as mqtt

WAITING = {
    "behind": "other customers are first",
    "terminalIsBusy": "the terminal is busy; it is tried again by itself",
    "apiUnreachable": "no connection to Front Payment; it is kept, and sent when the line is back",
    "waitingForOrder": "the payment itself has not ended yet",
}
STATES = {
    "queued": "It is safe with tillpost.",
    "sending": "It is on its way to Front Payment.",
    "awaiting_customer": "The terminal shows it: please pay.",
    "awaiting_refund": "The terminal pays it back.",
    "awaiting_approval": "Somebody at Front Payment has to approve it; that can take days.",
    "cancelling": "It is being taken off the terminal.",
    "in_doubt": "It may have gone through or not. Do NOT repeat it, in cash or by card: tillpost is looking.",
    "paid": "Paid. Thank you!",
    "refunded": "The money is on its way back.",
    "declined": "Declined. Another card is another order, with a new requestId.",
    "cancelled": "Cancelled: it is not paid.",
    "expired": "It had to wait too long and was never sent. Nothing was charged.",
    "rejected": "Refused.",
    "unresolved": "Nobody knows whether it went through. Call the shift leader, and do NOT repeat it.",
}
NEEDS_STAFF = "It found no trace so far. Call the shift leader: a person has to decide."


class Till:
    def __init__(self, args):
        self.args = args
        self.inbox = queue.Queue()  # what the broker brings, for the one thread that decides
        self.topics = {f"{args.prefix}/agent", f"{args.prefix}/rejects"}
        self.subscribed = threading.Event()
        # paho-mqtt 2 asks which callbacks are meant; 1.6, which Debian has, does not know the question.
        version = (mqtt.CallbackAPIVersion.VERSION2,) if hasattr(mqtt, "CallbackAPIVersion") else ()
        self.client = mqtt.Client(*version, clean_session=True)
        if args.username:
            self.client.username_pw_set(args.username, open(args.password_file, encoding="utf-8").read().strip())
        if args.tls:
            self.client.tls_set()
        self.client.on_connect = self.connected
        self.client.on_message = lambda client, data, message: self.inbox.put((message.topic, message.payload))
        self.client.reconnect_delay_set(1, 10)
        self.client.connect(args.host, args.port, keepalive=15)
        self.client.loop_start()  # it connects again by itself from here on

    def connected(self, client, data, flags, reason, properties=None):
        # The session is clean: subscribe each time. Statuses are retained, so nothing is missed.
        if reason == 0:
            client.subscribe([(topic, 1) for topic in list(self.topics)])
            self.subscribed.set()
        else:
            say("broker", f"it refuses the connection: {reason}")

    def carry_out(self, kind, request):
        """Publishes a request until tillpost has it, follows it, and returns the status that ends it."""
        name, base = request["requestId"], f"{self.args.prefix}/terminals/{self.args.terminal}"
        topic, status_topic = f"{base}/{kind}s", f"{base}/status/{name}"
        payload = json.dumps(request)  # once: what is published again has to be the same
        self.topics.add(status_topic)
        self.subscribed.wait()  # first the ears, then the mouth: a refusal is told once
        self.client.subscribe(status_topic, 1)
        self.client.publish(topic, payload, qos=1)  # never retained: it would run again on every connect
        say(kind, f"published as {name}")
        known, told, again = False, None, time.monotonic() + self.args.patience
        while True:
            try:
                came, body = self.inbox.get(timeout=None if known else max(0, again - time.monotonic()))
            except queue.Empty:
                # The broker's acknowledgement is no promise; only a status is. Published again, it stays one request.
                say(kind, "no answer from tillpost yet: published again under the same requestId")
                self.client.publish(topic, payload, qos=1)
                again = time.monotonic() + self.args.patience
                continue
            if not body:  # a cleared topic
                continue
            message = json.loads(body)
            if came == f"{self.args.prefix}/agent":
                if message["state"] == "offline":
                    say(kind, "tillpost is offline; " + ("it has the request on disk" if known else "the request is not safe yet"))
            elif came == f"{self.args.prefix}/rejects":
                if message.get("requestId") == name and message["topic"] == topic:
                    say(kind, describe({"state": "rejected"}))
                    explain(kind, message)
                    return {"state": "rejected"}
            elif came == status_topic:
                known = True
                words = describe(message)
                if words != told:
                    told = words
                    say(kind, words)
                if message["final"]:
                    explain(kind, message)
                    return message


def describe(status):
    waiting = status.get("waiting", {}).get("code")
    words = f"{status['state']}: {STATES.get(status['state'], '')}"
    if waiting == "needs_staff":
        words += " " + NEEDS_STAFF
    elif waiting and waiting != "checking":
        words += f" Waiting: {WAITING.get(waiting, waiting)}."
    if status.get("late"):
        words += " This came after another end had been told: call the shift leader."
    return words


def explain(kind, message):
    reason = message.get("reason")
    if reason:
        say(kind, f"reason: {reason['code']}: {reason['message']}")


def say(kind, words):
    print(f"{kind:6}  {words}", flush=True)


def order(name, amount):
    line = {"name": "Hair wash", "quantity": "1", "rate": amount, "tax": "0", "amount": amount}
    return {
        "requestId": name,
        "order": {
            "products": [line],
            "orderSummary": {"subTotal": amount, "totalTax": "0.00", "totalDiscount": "0.00", "grandTotal": amount},
            "receiptPrint": False,
            # The shop's own, for a walk-in customer; [order_defaults] in tillpost's configuration spares the till these two.
            "sendOrderBy": {"sms": False, "email": True},
            "customerDetails": {
                "type": "private", "countryCode": "+47", "msisdn": "40000000", "email": "till@shop.example", "name": "Walk-in",
                "address": {"street": "Storgata 1", "zip": "0155", "city": "Oslo", "country": "NO"},
            },
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--username")
    parser.add_argument("--password-file")
    parser.add_argument("--prefix", default="tillpost", help="mqtt.topic_prefix of tillpost")
    parser.add_argument("--terminal", default="TRML1000000001")
    parser.add_argument("--amount", default="42.00", help="kroner with two decimals, never a float")
    parser.add_argument("--patience", type=float, default=5, help="seconds before a request is published again")
    parser.add_argument("--request-id", default=str(uuid.uuid4()), help="go on with a request that was begun before")
    args = parser.parse_args()

    # A real till writes the id down with the sale before it publishes. After a crash it goes on under the same id.
    till = Till(args)
    sale = till.carry_out("order", order(args.request_id, args.amount))
    if sale["state"] != "paid":
        return 3 if sale["state"] == "unresolved" else 1
    # The refund's id is made of the sale's, so that a second run does not pay back twice.
    back = till.carry_out("refund", {"requestId": args.request_id + ".refund", "orderRequestId": args.request_id, "full": True})
    if back["state"] != "refunded":
        return 3 if back["state"] == "unresolved" else 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Not followed any more; the request goes on all the same.")
    except OSError as e:
        sys.exit(f"No connection to the broker: {e}. Nothing was sent.")
