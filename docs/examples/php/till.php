#!/usr/bin/env php
<?php
// A till in one file: it takes a payment through tillpost, follows it to its end, and pays it back.
// PHP 8 without extensions or packages: the little of MQTT 3.1.1 that a till needs is at the end.
declare(strict_types=1);

const WAITING = [
    'behind' => 'other customers are first',
    'terminalIsBusy' => 'the terminal is busy; it is tried again by itself',
    'apiUnreachable' => 'no connection to Front Payment; it is kept, and sent when the line is back',
    'waitingForOrder' => 'the payment itself has not ended yet',
];
const STATES = [
    'queued' => 'It is safe with tillpost.',
    'sending' => 'It is on its way to Front Payment.',
    'awaiting_customer' => 'The terminal shows it: please pay.',
    'awaiting_refund' => 'The terminal pays it back.',
    'awaiting_approval' => 'Somebody at Front Payment has to approve it; that can take days.',
    'cancelling' => 'It is being taken off the terminal.',
    'in_doubt' => 'It may have gone through or not. Do NOT repeat it, in cash or by card: tillpost is looking.',
    'paid' => 'Paid. Thank you!',
    'refunded' => 'The money is on its way back.',
    'declined' => 'Declined. Another card is another order, with a new requestId.',
    'cancelled' => 'Cancelled: it is not paid.',
    'expired' => 'It had to wait too long and was never sent. Nothing was charged.',
    'rejected' => 'Refused.',
    'unresolved' => 'Nobody knows whether it went through. Call the shift leader, and do NOT repeat it.',
];
const NEEDS_STAFF = 'It found no trace so far. Call the shift leader: a person has to decide.';

final class Till
{
    private array $topics;
    private ?Mqtt $broker = null;

    public function __construct(private array $options)
    {
        $this->topics = ["{$options['prefix']}/agent", "{$options['prefix']}/rejects"];
        $this->connect(); // the first time it has to work
    }

    /** Publishes a request until tillpost has it, follows it, and returns the status that ends it. */
    public function carryOut(string $kind, array $request): array
    {
        $name = $request['requestId'];
        $base = "{$this->options['prefix']}/terminals/{$this->options['terminal']}";
        $topic = "$base/{$kind}s";
        $statusTopic = "$base/status/$name";
        // Once: what is published again has to be the same. What is not set may be null, or be left out.
        $payload = json_encode($request, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
        $this->topics[] = $statusTopic;
        $this->online(fn (Mqtt $b) => $b->subscribe([$statusTopic])); // first the ears, then the mouth: a refusal is told once
        $this->online(fn (Mqtt $b) => $b->publish($topic, $payload)); // never retained: it would run again on every connect
        say($kind, "published as $name");
        $known = false;
        $told = null;
        $again = microtime(true) + $this->options['patience'];
        while (true) {
            $message = $this->online(fn (Mqtt $b) => $b->receive($known ? 1.0 : max(0.0, $again - microtime(true))));
            if ($message === null) {
                if (!$known && microtime(true) >= $again) {
                    // The broker's acknowledgement is no promise; only a status is. Published again, it stays one request.
                    say($kind, 'no answer from tillpost yet: published again under the same requestId');
                    $this->online(fn (Mqtt $b) => $b->publish($topic, $payload));
                    $again = microtime(true) + $this->options['patience'];
                }
                continue;
            }
            [$came, $body] = $message;
            if ($body === '') { // a cleared topic
                continue;
            }
            $told = $this->hear($kind, $name, $came, json_decode($body, true, 512, JSON_THROW_ON_ERROR), $topic, $statusTopic, $known, $told, $end);
            if ($end !== null) {
                return $end;
            }
        }
    }

    /** Takes one message, and returns what the cashier was told last; $end is set by the one that ends the request. */
    private function hear(string $kind, string $name, string $came, array $message, string $topic, string $statusTopic, bool &$known, ?string $told, ?array &$end): ?string
    {
        $end = null;
        if ($came === "{$this->options['prefix']}/agent") {
            if ($message['state'] === 'offline') {
                say($kind, 'tillpost is offline; ' . ($known ? 'it has the request on disk' : 'the request is not safe yet'));
            }
        } elseif ($came === "{$this->options['prefix']}/rejects") {
            if (($message['requestId'] ?? null) === $name && $message['topic'] === $topic) {
                say($kind, describe(['state' => 'rejected']));
                explain($kind, $message);
                $end = ['state' => 'rejected'];
            }
        } elseif ($came === $statusTopic) {
            $known = true;
            $words = describe($message);
            if ($words !== $told) {
                say($kind, $words);
            }
            if ($message['final']) {
                explain($kind, $message);
                $end = $message;
            }
            return $words;
        }
        return $told;
    }

    private function connect(): void
    {
        $this->broker = new Mqtt($this->options);
        $this->broker->subscribe($this->topics); // each time: the session is clean. Statuses are retained, so nothing is missed.
    }

    /** Does something with the broker, over a new connection where the old one is lost. */
    private function online(callable $do): mixed
    {
        while (true) {
            try {
                if ($this->broker === null) {
                    $this->connect();
                }
                return $do($this->broker);
            } catch (ConnectionLost) {
                $this->broker = null;
                sleep(1);
            }
        }
    }
}

function describe(array $status): string
{
    $waiting = $status['waiting']['code'] ?? null;
    $words = "{$status['state']}: " . (STATES[$status['state']] ?? '');
    if ($waiting === 'needs_staff') {
        $words .= ' ' . NEEDS_STAFF;
    } elseif ($waiting !== null && $waiting !== 'checking') {
        $words .= ' Waiting: ' . (WAITING[$waiting] ?? $waiting) . '.';
    }
    if ($status['late'] ?? false) {
        $words .= ' This came after another end had been told: call the shift leader.';
    }
    return $words;
}

function explain(string $kind, array $message): void
{
    if (isset($message['reason'])) {
        say($kind, "reason: {$message['reason']['code']}: {$message['reason']['message']}");
    }
}

function say(string $kind, string $words): void
{
    printf("%-6s  %s\n", $kind, $words);
    flush();
}

function order(string $name, string $amount): array
{
    return [
        'requestId' => $name,
        'order' => [
            'products' => [['name' => 'Hair wash', 'quantity' => '1', 'rate' => $amount, 'tax' => '0', 'amount' => $amount]],
            'orderSummary' => ['subTotal' => $amount, 'totalTax' => '0.00', 'totalDiscount' => '0.00', 'grandTotal' => $amount],
            'receiptPrint' => false,
            // The shop's own, for a walk-in customer; [order_defaults] in tillpost's configuration spares the till these two.
            'sendOrderBy' => ['sms' => false, 'email' => true],
            'customerDetails' => [
                'type' => 'private', 'countryCode' => '+47', 'msisdn' => '40000000', 'email' => 'till@shop.example', 'name' => 'Walk-in',
                'customerUuid' => null, 'organizationId' => null,
                'address' => ['street' => 'Storgata 1', 'zip' => '0155', 'city' => 'Oslo', 'country' => 'NO'],
            ],
        ],
    ];
}

function uuid(): string
{
    $b = random_bytes(16);
    $b[6] = chr(ord($b[6]) & 0x0f | 0x40);
    $b[8] = chr(ord($b[8]) & 0x3f | 0x80);
    return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($b), 4));
}

/** The connection has ended, or the broker has said nothing for too long. */
final class ConnectionLost extends RuntimeException
{
}

/** The least of an MQTT 3.1.1 client: a clean session, quality of service 1 both ways. */
final class Mqtt
{
    private const KEEP_ALIVE = 15;
    private const TIMEOUT = 10.0;
    /** @var resource */
    private $socket;
    private array $messages = []; // came while something else was waited for
    private int $packets = 0;
    private float $wrote = 0.0;
    private ?float $pinged = null;

    public function __construct(array $options)
    {
        $scheme = $options['tls'] ? 'tls' : 'tcp';
        $socket = @stream_socket_client("$scheme://{$options['host']}:{$options['port']}", $code, $error, self::TIMEOUT);
        if ($socket === false) {
            throw new ConnectionLost($error !== '' ? $error : "no connection to {$options['host']}:{$options['port']}");
        }
        $this->socket = $socket;
        stream_set_blocking($socket, true);
        $login = $options['username'] === null ? '' : self::text($options['username']) . self::text(trim((string) file_get_contents($options['password-file'])));
        $flags = 0x02 | ($login === '' ? 0 : 0xc0);
        $this->write(0x10, self::text('MQTT') . chr(4) . chr($flags) . pack('n', self::KEEP_ALIVE) . self::text('till-' . bin2hex(random_bytes(6))) . $login);
        $answer = $this->await(0x20);
        if (ord($answer[1]) !== 0) {
            throw new RuntimeException('the broker refuses the connection: code ' . ord($answer[1]));
        }
    }

    public function subscribe(array $topics): void
    {
        $filters = implode('', array_map(fn (string $t) => self::text($t) . chr(1), $topics));
        $this->write(0x82, pack('n', $this->next()) . $filters);
        if (str_contains(substr($this->await(0x90), 2), chr(0x80))) {
            throw new RuntimeException('the broker refuses a subscription: what may this login read?');
        }
    }

    public function publish(string $topic, string $payload): void
    {
        $this->write(0x32, self::text($topic) . pack('n', $this->next()) . $payload);
        $this->await(0x40);
    }

    /** Returns the next message as [topic, payload], null if none comes within so many seconds. */
    public function receive(float $seconds): ?array
    {
        $end = microtime(true) + $seconds;
        while ($this->messages === []) {
            if (!$this->step($end)) {
                return null;
            }
        }
        return array_shift($this->messages);
    }

    /** Waits for a packet of a kind. */
    private function await(int $kind): string
    {
        $end = microtime(true) + self::TIMEOUT;
        while (true) {
            $packet = $this->step($end);
            if ($packet === false) {
                throw new ConnectionLost('the broker does not answer');
            }
            if ($packet !== true && (ord($packet[0]) & 0xf0) === $kind) {
                return substr($packet, 1);
            }
        }
    }

    /** Takes one packet: true for a message, which is kept, the packet itself for any other; false if none comes in time. */
    private function step(float $end): string|bool
    {
        $this->keepAlive();
        $left = max(0.0, min($end - microtime(true), 1.0));
        $read = [$this->socket];
        $none = null;
        if (stream_get_meta_data($this->socket)['unread_bytes'] === 0 && stream_select($read, $none, $none, (int) $left, (int) (fmod($left, 1) * 1e6)) === 0) {
            return microtime(true) >= $end ? false : true;
        }
        $head = ord($this->read(1));
        for ($length = 0, $shift = 0; ; $shift += 7) {
            $byte = ord($this->read(1));
            $length |= ($byte & 0x7f) << $shift;
            if ($byte < 0x80) {
                break;
            }
        }
        $body = $this->read($length);
        $this->pinged = null; // whatever comes shows that it is there
        if (($head & 0xf0) !== 0x30) {
            return chr($head) . $body;
        }
        $size = unpack('n', $body)[1];
        $rest = substr($body, 2 + $size);
        if ($head & 0x06) {
            $this->write(0x40, substr($rest, 0, 2));
            $rest = substr($rest, 2);
        }
        $this->messages[] = [substr($body, 2, $size), $rest];
        return true;
    }

    private function keepAlive(): void
    {
        if ($this->pinged !== null && microtime(true) - $this->pinged > self::TIMEOUT) {
            throw new ConnectionLost('the broker is silent');
        }
        if ($this->pinged === null && microtime(true) - $this->wrote > self::KEEP_ALIVE / 2) {
            $this->write(0xc0, '');
            $this->pinged = microtime(true);
        }
    }

    private function read(int $length): string
    {
        $data = '';
        while (strlen($data) < $length) {
            $part = fread($this->socket, $length - strlen($data));
            if ($part === false || $part === '') {
                throw new ConnectionLost('the connection to the broker ended');
            }
            $data .= $part;
        }
        return $data;
    }

    private function write(int $head, string $body): void
    {
        $length = '';
        for ($n = strlen($body); ; $n >>= 7) {
            $length .= chr($n & 0x7f | ($n > 0x7f ? 0x80 : 0));
            if ($n <= 0x7f) {
                break;
            }
        }
        $packet = chr($head) . $length . $body;
        while ($packet !== '') {
            $n = @fwrite($this->socket, $packet);
            if ($n === false || $n === 0) {
                throw new ConnectionLost('the connection to the broker ended');
            }
            $packet = substr($packet, $n);
        }
        $this->wrote = microtime(true);
    }

    private function next(): int
    {
        return $this->packets = $this->packets % 65535 + 1;
    }

    private static function text(string $s): string
    {
        return pack('n', strlen($s)) . $s;
    }
}

$given = getopt('', ['host:', 'port:', 'tls', 'username:', 'password-file:', 'prefix:', 'terminal:', 'amount:', 'patience:', 'request-id:']);
$options = [
    'host' => $given['host'] ?? 'localhost',
    'port' => (int) ($given['port'] ?? 1883),
    'tls' => isset($given['tls']),
    'username' => $given['username'] ?? null,
    'password-file' => $given['password-file'] ?? '',
    'prefix' => $given['prefix'] ?? 'tillpost', // mqtt.topic_prefix of tillpost
    'terminal' => $given['terminal'] ?? 'TRML1000000001',
    'patience' => (float) ($given['patience'] ?? 5), // seconds before a request is published again
];
// A real till writes the id down with the sale before it publishes. After a crash it goes on under the same id.
$id = $given['request-id'] ?? uuid();

try {
    $till = new Till($options);
    $sale = $till->carryOut('order', order($id, $given['amount'] ?? '42.00')); // kroner with two decimals, never a float
    if ($sale['state'] !== 'paid') {
        exit($sale['state'] === 'unresolved' ? 3 : 1);
    }
    // The refund's id is made of the sale's, so that a second run does not pay back twice.
    $back = $till->carryOut('refund', ['requestId' => "$id.refund", 'orderRequestId' => $id, 'full' => true]);
    exit(match ($back['state']) {
        'refunded' => 0,
        'unresolved' => 3,
        default => 1,
    });
} catch (ConnectionLost $e) {
    fwrite(STDERR, "No connection to the broker: {$e->getMessage()}. Nothing was sent.\n");
    exit(1);
}
