// A till in one file: it takes a payment through tillpost, follows it to its end, and pays it back.

using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

string Option(string name, string standard)
{
    var at = Array.IndexOf(args, "--" + name);
    return at >= 0 && at + 1 < args.Length ? args[at + 1] : standard;
}

// A real till writes the id down with the sale before it publishes. After a crash it goes on under the same id.
var id = Option("request-id", Guid.NewGuid().ToString());
var amount = Option("amount", "42.00"); // kroner with two decimals, never a float
await using var till = new Till(
    Option("broker", "mqtt://localhost:1883"), // mqtts://… for TLS
    Option("username", ""), Option("password-file", ""), Option("prefix", "tillpost"),
    Option("terminal", "TRML1000000001"), TimeSpan.FromSeconds(int.Parse(Option("patience", "5"))));

var state = await till.CarryOut("order", id, Order(id, amount));
var done = false;
if (state == "paid")
{
    // The refund's id is made of the sale's, so that a second run does not pay back twice.
    state = await till.CarryOut("refund", id + ".refund", new JsonObject { ["requestId"] = id + ".refund", ["orderRequestId"] = id, ["full"] = true });
    done = state == "refunded";
}
return done ? 0 : state == "unresolved" ? 3 : 1;

static JsonObject Order(string id, string amount) => new()
{
    ["requestId"] = id,
    ["order"] = new JsonObject
    {
        ["products"] = new JsonArray(new JsonObject { ["name"] = "Hair wash", ["quantity"] = "1", ["rate"] = amount, ["tax"] = "0", ["amount"] = amount }),
        ["orderSummary"] = new JsonObject { ["subTotal"] = amount, ["totalTax"] = "0.00", ["totalDiscount"] = "0.00", ["grandTotal"] = amount },
        ["receiptPrint"] = false,
        // The shop's own, for a walk-in customer; [order_defaults] in tillpost's configuration spares the till these two.
        ["sendOrderBy"] = new JsonObject { ["sms"] = false, ["email"] = true },
        ["customerDetails"] = new JsonObject
        {
            ["type"] = "private", ["countryCode"] = "+47", ["msisdn"] = "40000000", ["email"] = "till@shop.example", ["name"] = "Walk-in",
            ["address"] = new JsonObject { ["street"] = "Storgata 1", ["zip"] = "0155", ["city"] = "Oslo", ["country"] = "NO" },
        },
    },
};

sealed class Till : IAsyncDisposable
{
    static readonly Dictionary<string, string> WaitingFor = new()
    {
        ["behind"] = "other customers are first",
        ["terminalIsBusy"] = "the terminal is busy; it is tried again by itself",
        ["apiUnreachable"] = "no connection to Front Payment; it is kept, and sent when the line is back",
        ["waitingForOrder"] = "the payment itself has not ended yet",
    };

    static readonly Dictionary<string, string> States = new()
    {
        ["queued"] = "It is safe with tillpost.",
        ["sending"] = "It is on its way to Front Payment.",
        ["awaiting_customer"] = "The terminal shows it: please pay.",
        ["awaiting_refund"] = "The terminal pays it back.",
        ["awaiting_approval"] = "Somebody at Front Payment has to approve it; that can take days.",
        ["cancelling"] = "It is being taken off the terminal.",
        ["in_doubt"] = "It may have gone through or not. Do NOT repeat it, in cash or by card: tillpost is looking.",
        ["paid"] = "Paid. Thank you!",
        ["refunded"] = "The money is on its way back.",
        ["declined"] = "Declined. Another card is another order, with a new requestId.",
        ["cancelled"] = "Cancelled: it is not paid.",
        ["expired"] = "It had to wait too long and was never sent. Nothing was charged.",
        ["rejected"] = "Refused.",
        ["unresolved"] = "Nobody knows whether it went through. Call the shift leader, and do NOT repeat it.",
    };

    const string NeedsStaff = "It found no trace so far. Call the shift leader: a person has to decide.";

    readonly IMqttClient client = new MqttClientFactory().CreateMqttClient();
    readonly MqttClientOptions options;
    readonly Channel<(string Topic, string Body)> inbox = Channel.CreateUnbounded<(string, string)>();
    readonly ConcurrentDictionary<string, bool> topics = new();
    readonly string prefix, terminal;
    readonly TimeSpan patience;
    readonly CancellationTokenSource stop = new();
    readonly Task connecting;

    public Till(string broker, string username, string passwordFile, string prefix, string terminal, TimeSpan patience)
    {
        (this.prefix, this.terminal, this.patience) = (prefix, terminal, patience);
        topics[$"{prefix}/agent"] = topics[$"{prefix}/rejects"] = true;
        var builder = new MqttClientOptionsBuilder().WithConnectionUri(broker)
            .WithProtocolVersion(MqttProtocolVersion.V311).WithKeepAlivePeriod(TimeSpan.FromSeconds(15));
        if (username != "") builder = builder.WithCredentials(username, File.ReadAllText(passwordFile).Trim());
        options = builder.Build();
        client.ApplicationMessageReceivedAsync += e =>
        {
            // What the broker brings goes to the one loop that decides; the payload of a cleared topic is null.
            inbox.Writer.TryWrite((e.ApplicationMessage.Topic, e.ApplicationMessage.ConvertPayloadToString() ?? ""));
            return Task.CompletedTask;
        };
        connecting = Task.Run(StayConnected);
    }

    // The session is clean: subscribe each time. Statuses are retained, so nothing is missed.
    async Task StayConnected()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (!client.IsConnected)
                {
                    await client.ConnectAsync(options, stop.Token);
                    foreach (var topic in topics.Keys) await client.SubscribeAsync(topic, MqttQualityOfServiceLevel.AtLeastOnce, stop.Token);
                }
                await Task.Delay(1000, stop.Token);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested) { return; }
            catch (Exception e)
            {
                Say("broker", e.Message);
                await Task.Delay(1000);
            }
        }
    }

    // Never retained: it would run again on every connect. The broker's acknowledgement is no promise, only a status is;
    // so what can't be published now is not lost either, it is published again.
    async Task Publish(string topic, string payload)
    {
        try { await client.PublishStringAsync(topic, payload, MqttQualityOfServiceLevel.AtLeastOnce, retain: false, stop.Token); }
        catch (Exception e) when (e is not OperationCanceledException) { Say("broker", e.Message); }
    }

    /// <summary>Publishes a request until tillpost has it, follows it, and returns the state that ends it.</summary>
    public async Task<string> CarryOut(string kind, string requestId, JsonObject request)
    {
        var at = $"{prefix}/terminals/{terminal}";
        var (topic, statusTopic) = ($"{at}/{kind}s", $"{at}/status/{requestId}");
        var payload = request.ToJsonString(); // once: what is published again has to be the same
        topics[statusTopic] = true;
        while (!client.IsConnected) await Task.Delay(100);
        try
        {
            // First the ears, then the mouth: a refusal is told once.
            foreach (var ear in new[] { statusTopic, $"{prefix}/rejects" }) await client.SubscribeAsync(ear, MqttQualityOfServiceLevel.AtLeastOnce, stop.Token);
        }
        catch (Exception e) when (e is not OperationCanceledException) { Say("broker", e.Message); } // the next connect subscribes
        await Publish(topic, payload);
        Say(kind, $"published as {requestId}");
        var (known, told, again) = (false, "", DateTime.UtcNow + patience);
        while (true)
        {
            var next = inbox.Reader.WaitToReadAsync().AsTask();
            var left = again - DateTime.UtcNow;
            if (!known && (left <= TimeSpan.Zero || await Task.WhenAny(next, Task.Delay(left)) != next))
            {
                Say(kind, "no answer from tillpost yet: published again under the same requestId");
                await Publish(topic, payload); // it stays one request
                again = DateTime.UtcNow + patience;
                continue;
            }
            await next;
            if (!inbox.Reader.TryRead(out var came) || came.Body == "" || JsonNode.Parse(came.Body) is not JsonObject message) continue;
            if (came.Topic == $"{prefix}/agent")
            {
                if (Text(message, "state") == "offline") Say(kind, "tillpost is offline; " + (known ? "it has the request on disk" : "the request is not safe yet"));
                continue;
            }
            var refused = came.Topic == $"{prefix}/rejects" && Text(message, "requestId") == requestId && Text(message, "topic") == topic;
            if (!refused && came.Topic != statusTopic) continue;
            known = true;
            if (refused)
            {
                message["state"] = "rejected";
                message["final"] = true;
            }
            var words = Describe(message);
            if (words != told) Say(kind, words);
            told = words;
            if ((bool?)message["final"] != true) continue;
            if (message["reason"] is JsonObject reason) Say(kind, $"reason: {Text(reason, "code")}: {Text(reason, "message")}");
            return Text(message, "state");
        }
    }

    static string Describe(JsonObject status)
    {
        var (state, waiting) = (Text(status, "state"), status["waiting"] is JsonObject w ? Text(w, "code") : "");
        var words = $"{state}: {States.GetValueOrDefault(state, "")}";
        if (waiting == "needs_staff") words += " " + NeedsStaff;
        else if (waiting is not ("" or "checking")) words += $" Waiting: {WaitingFor.GetValueOrDefault(waiting, waiting)}.";
        if ((bool?)status["late"] == true) words += " This came after another end had been told: call the shift leader.";
        return words;
    }

    static string Text(JsonObject o, string key) => (string?)o[key] ?? "";

    static void Say(string kind, string words) => Console.WriteLine($"{kind,-6}  {words}");

    public async ValueTask DisposeAsync()
    {
        stop.Cancel();
        await connecting;
        if (client.IsConnected) await client.DisconnectAsync();
        client.Dispose();
    }
}
