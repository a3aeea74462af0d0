#!/usr/bin/perl
# One VNFC of the session gateway: "lb" takes HTTP from outside, the others are stores. perl-base is all it needs.
#   session.pl name=store-1 net=lb:10.77.0.21,store-1:10.77.0.22,store-2:10.77.0.23
# Between the VNFCs: one UDP datagram a message, its fields divided by newlines.
use strict;
use warnings;
use Socket;

my %arg = map { split /=/, $_, 2 } @ARGV;
my %address = map { split /:/, $_, 2 } split /,/, $arg{net};
my $name = $arg{name};
my $port = 7000;
# The last field may hold newlines.
my %parts = (request => 5, record => 4, session => 3, answer => 4);
my ($TICK, $PROMOTE, $SYNC_PACE, $SYNC_AGAIN) = (0.2, 1.3, 0.6, 2);

sub now {
  my $time = pack 'qq', 0, 0;
  syscall 228, 1, $time;    # clock_gettime, monotonic: it stands still with the VM
  my ($s, $ns) = unpack 'qq', $time;
  return $s + $ns / 1e9;
}

$| = 1;
sub say_it { print scalar(gmtime), " $name: @_\n" }

sub ready {
  open my $file, '>', '/run/ready' or die "/run/ready: $!";
  close $file;
}

socket my $udp, PF_INET, SOCK_DGRAM, 0 or die "socket: $!";
bind $udp, sockaddr_in($port, INADDR_ANY) or die "bind: $!";
my %peer = map { $_ => scalar sockaddr_in($port, inet_aton($address{$_})) } grep { $_ ne $name } keys %address;
my %name_of = map { $address{$_} => $_ } keys %address;

sub tell_peer { my ($to, @fields) = @_; send $udp, join("\n", @fields), 0, $peer{$to} }

# --- a store -------------------------------------------------------------------------------------------------------

my %sessions;
my ($role, $epoch, $in_step, $joined_at) = ('joining', 0, 0, now());
my ($other) = grep { /^store/ && $_ ne $name } keys %address;
my ($other_heard_at, $other_in_step, $other_misses, $sync_at, $synced_at, @sync, %replicating) = (0, 0, 0, 0, 0);
my $preferred = $name eq 'store-1';

sub become_primary {
  ($role, $in_step, $other_in_step, $other_misses) = ('primary', 1, 0, 0);
  $epoch++;
  say_it("primary of epoch $epoch, with " . keys(%sessions) . ' sessions');
  ready();
}

sub announce { tell_peer($_, 'announce', $role, $epoch, $in_step) for keys %peer }

sub store_tick {
  my $now = now();
  announce();
  become_primary() if $role eq 'joining' && $now - $joined_at > ($preferred ? 4 : 8);
  become_primary() if $role eq 'standby' && $in_step && $now - $other_heard_at > $PROMOTE;
  return if $role ne 'primary';
  for my $id (keys %replicating) {
    my $it = $replicating{$id};
    next if $now < $it->{again_at};
    if ($it->{tries}++ < 2) { $it->{again_at} = $now + 0.2; tell_peer($other, 'record', $id, @$it{qw(key state)}) }
    else { ($other_in_step, $other_misses) = (0, 1); answer_change($id) }
  }
  if (@sync && $now >= $sync_at + $SYNC_PACE) {
    for my $key (splice @sync, 0, 8) { tell_peer($other, 'session', $key, $sessions{$key}) if exists $sessions{$key} }
    tell_synced() unless @sync;
  }
}

# With their number, as a datagram may have been lost: who has fewer is not in step, and gets all of them again.
sub tell_synced {
  $synced_at = now();
  tell_peer($other, 'synced', $epoch, scalar keys %sessions);
}

sub answer_change {
  my $it = delete $replicating{ $_[0] } or return;
  tell_peer($it->{from}, 'answer', $it->{call}, 201, 'kept');
}

sub on_announce {
  my ($from, $its_role, $its_epoch, $is_in_step) = @_;
  $other_heard_at = now();
  if ($role eq 'joining' && $its_role eq 'primary') {
    ($role, $in_step) = ('standby', 0);
    say_it("standby of $from");
  }
  return if $role ne 'primary' || $its_role eq 'joining';
  $other_in_step = $is_in_step && $its_epoch == $epoch && !$other_misses;
  return if $other_in_step || @sync || now() - $synced_at < $SYNC_AGAIN;
  say_it("$from is out of step: it gets all sessions");
  ($sync_at, $other_misses) = (now(), 0);
  @sync = sort keys %sessions;
  tell_peer($from, 'sync', $epoch);
  tell_synced() unless @sync;
}

sub on_request {
  my ($from, $call, $method, $key, $state) = @_;
  return tell_peer($from, 'answer', $call, 503, 'not the primary') if $role ne 'primary';
  if ($method eq 'GET') {
    my $found = $sessions{$key};
    return tell_peer($from, 'answer', $call, defined $found ? (200, $found) : (404, 'no such session'));
  }
  $sessions{$key} = $state;
  keep_on_disk($key);
  my $id = "$from/$call";
  $replicating{$id} = { from => $from, call => $call, key => $key, state => $state, tries => 1, again_at => now() + 0.2 };
  if ($other_in_step) { tell_peer($other, 'record', $id, $key, $state) }
  else {
    # What changes while all sessions are being sent is sent with them; what changes later, with the next sending.
    if (@sync) { push @sync, $key }
    else { $other_misses = 1 }
    answer_change($id);
  }
}

sub keep_on_disk {
  open my $log, '>>', '/data/sessions.log' or return say_it("/data/sessions.log: $!");
  print $log "$_[0]\n";
  close $log;
}

my %on = (
  announce => \&on_announce,
  request => \&on_request,
  record => sub { my ($from, $id, $key, $state) = @_; $sessions{$key} = $state; tell_peer($from, 'recorded', $id) },
  recorded => sub { answer_change($_[1]) },
  sync => sub {
    my ($from, $its_epoch) = @_;
    say_it("$from begins to send all sessions");
    %sessions = ();
    ($epoch, $in_step) = ($its_epoch, 0) if $role ne 'primary';
  },
  session => sub { my (undef, $key, $state) = @_; $sessions{$key} = $state },
  synced => sub {
    my (undef, undef, $count) = @_;
    return say_it('still out of step, with ' . keys(%sessions) . " of $count sessions") if keys %sessions != $count;
    $in_step = 1;
    say_it("in step, with $count sessions");
    announce();
    ready();    # not before: a standby that lacks sessions cannot take over
  },
);

# --- the load balancer ---------------------------------------------------------------------------------------------

my ($primary, $primary_heard_at, $call, %calls, %clients, $http) = ('', 0, 0);
my $started_at = now();

sub lb_tick {
  my $now = now();
  for my $id (keys %calls) {
    my $it = $calls{$id};
    next if $now < $it->{again_at};
    my $is_early = $now - $started_at < 20 && $primary eq '';
    if ($is_early || $it->{tries}++ < 10) { ask($id) }
    else { finish(delete $calls{$id}, 503, 'nobody could take the request') }
  }
}

sub ask {
  my ($id) = @_;
  my $it = $calls{$id};
  $it->{again_at} = now() + 0.3;
  tell_peer($primary, 'request', $id, @$it{qw(method key state)}) if $primary ne '';
}

my %lb_on = (
  announce => sub {
    my ($from, $its_role) = @_;
    return if $its_role ne 'primary';
    say_it("$from is the primary") if $primary ne $from;
    ($primary, $primary_heard_at) = ($from, now());
    ready();
  },
  answer => sub {
    my (undef, $id, $status, $body) = @_;
    return if $status == 503;    # asked again in a moment
    my $it = delete $calls{$id} or return;
    finish($it, $status, $body);
  },
);

sub finish {
  my ($it, $status, $body) = @_;
  my $client = $it->{client};
  my $head = "HTTP/1.1 $status -\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " . length $body;
  syswrite $client, "$head\r\n\r\n$body";
  close $client;
}

sub on_http {
  my ($client) = @_;
  my $it = $clients{ fileno $client };
  my $got = sysread $client, $it->{text}, 65536, length $it->{text};
  if (!$got || length $it->{text} > 65536) { delete $clients{ fileno $client }; close $client; return }
  $it->{text} =~ /^(\w+) (\S+) [^\n]*\r\n(.*?\r\n)\r\n(.*)$/s or return;
  my ($method, $path, $head, $body) = ($1, $2, $3, $4);
  my ($length) = $head =~ /^content-length: *(\d+)/mi;
  return if length $body < ($length // 0);
  delete $clients{ fileno $client };
  my $request = { client => $client, method => $method, state => $body, tries => 0 };
  if ($path eq '/health') { return finish($request, now() - $primary_heard_at < 1.5 ? (200, 'ok') : (503, 'no primary')) }
  my ($key) = $path =~ m{^/sessions/([\w-]{1,40})$};
  if (defined $key && ($method eq 'GET' || $method eq 'PUT') && length $body <= 1024) {
    $request->{key} = $key;
    $calls{ ++$call } = $request;
    return ask($call);
  }
  finish($request, 404, 'no such resource');
}

# --- both ----------------------------------------------------------------------------------------------------------

my $is_lb = $name eq 'lb';
if ($is_lb) {
  socket $http, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
  setsockopt $http, SOL_SOCKET, SO_REUSEADDR, 1 or die "setsockopt: $!";
  bind $http, sockaddr_in(8080, INADDR_ANY) or die "bind: $!";
  listen $http, 128 or die "listen: $!";
  $SIG{PIPE} = 'IGNORE';
}
say_it('starts');

my $next_tick = now();
while (1) {
  my $wait = $next_tick - now();
  if ($wait <= 0) {
    $is_lb ? lb_tick() : store_tick();
    $next_tick = now() + $TICK;
    next;
  }
  my $readable = '';
  vec($readable, fileno $_, 1) = 1 for $udp, ($http // ()), map { $_->{client} } values %clients;
  next if select($readable, undef, undef, $wait) <= 0;
  if (vec $readable, fileno $udp, 1) {
    my $from = recv $udp, my $message, 65536, 0;
    my (undef, $ip) = sockaddr_in($from);
    my ($kind) = $message =~ /^(\w+)/;
    my (undef, @fields) = split /\n/, $message, $parts{ $kind // '' } // 4;
    my $act = ($is_lb ? \%lb_on : \%on)->{ $kind // '' };
    my $sender = $name_of{ inet_ntoa($ip) };
    $act->($sender, @fields) if $act && $sender;
  }
  if ($http && vec $readable, fileno $http, 1) {
    my $client;
    $clients{ fileno $client } = { client => $client, text => '' } if accept $client, $http;
  }
  for my $it (values %clients) { on_http($it->{client}) if vec $readable, fileno $it->{client}, 1 }
}
