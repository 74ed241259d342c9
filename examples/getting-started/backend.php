<?php
// Serves the page, makes tokens and answers the webhooks of peal, with nothing but PHP.
$token_secret = trim(file('token-secret')[0]);
$webhook_secret = base64_decode(file('webhook-secret')[0]);
$users = ['alice' => ['customers'], 'bob' => ['customers', 'staff']]; // yours are in a database

// A JSON Web Token: who it is, where they may listen, and until when.
function token(string $user, array $rooms, string $secret): string
{
	$encode = fn(string $bytes) => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
	$text = $encode(json_encode(['alg' => 'HS256', 'typ' => 'JWT'])) . '.'
		. $encode(json_encode(['sub' => $user, 'rooms' => $rooms, 'exp' => time() + 3600]));
	return $text . '.' . $encode(hash_hmac('sha256', $text, $secret, true));
}

// Standard Webhooks: the signature is over id, time and body, and the time is not long ago.
function is_from_peal(string $body, string $secret): bool
{
	$header = fn(string $name) => $_SERVER["HTTP_WEBHOOK_$name"] ?? '';
	[$id, $sent, $given] = array_map($header, ['ID', 'TIMESTAMP', 'SIGNATURE']);
	$wanted = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$sent.$body", $secret, true));
	$right = array_filter(explode(' ', $given), fn(string $one) => hash_equals($wanted, $one));
	return $right && abs(time() - (int) $sent) < 300;
}

// What peal is told. It repeats what was not answered: who must not do something twice remembers the ids.
function answer(array $hook): array
{
	if ($hook['type'] === 'connect')
		return []; // come in; ['allow' => false] sends the client away
	$acks = [];
	foreach ($hook['data'] as $event)
		if ($event['type'] === 'event' && $event['event'] === 'order:new')
			$acks[$event['id']] = ['ok' => true, 'for' => $event['user'], 'by' => 'PHP'];
	return ['acks' => (object) $acks];
}

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$user = filter_input(INPUT_GET, 'user');
$body = file_get_contents('php://input');
if ($path === '/') {
	readfile('page.html');
} elseif ($path === '/token' && isset($users[$user])) { // a demonstration: there is no password
	header('Content-Type: application/json');
	echo json_encode(['token' => token($user, $users[$user], $token_secret)]);
} elseif ($path === '/webhook' && is_from_peal($body, $webhook_secret)) {
	header('Content-Type: application/json');
	echo json_encode((object) answer(json_decode($body, true)));
} else {
	http_response_code($path === '/webhook' ? 401 : 404);
	echo "there is nothing here for you\n";
}
