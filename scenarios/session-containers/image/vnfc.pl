#!/usr/bin/perl
# One VNFC of the session service: an HTTP server of one process, whose state is its memory, the TCP connections that it
# keeps to the next VNFC, and the files under /data. ROLE is store, worker or lb; STORE and WORKERS name the next ones as
# host:port; BALLAST_MIB is memory that it holds and touches, for measurements.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

$SIG{PIPE} = 'IGNORE';
$SIG{TERM} = sub { exit 0 };
$| = 1;
my $role    = $ENV{ROLE}    // 'store';
my @workers = split /,/, $ENV{WORKERS} // '';
my $mebibyte = 1_048_576;
my $ballast = '';
# Filled in place: to join it from pieces would need twice the memory.
vec($ballast, ($ENV{BALLAST_MIB} // 0) * $mebibyte, 8) = 0;
substr($ballast, $_ * $mebibyte, $mebibyte) = chr(33 + $_ % 90) x $mebibyte for 0 .. ($ENV{BALLAST_MIB} // 0) - 1;
my ($counter, $connects, $turn) = (0, 0, 0);
my (%sessions, %upstream, %avoid);
mkdir '/data';
open my $log, '>>', '/data/sessions.log' or die "/data/sessions.log: $!";
$log->autoflush(1);

# With HELPER a second process that sleeps; whenever it ends there is another one. None of our sockets are open in it.
my $helper = 0;
sub help {
    return unless $ENV{HELPER};
    $helper = fork // die "fork: $!";
    $helper or exec '/bin/sleep', '1000000';
}
help();
$SIG{CHLD} = sub {
    local ($!, $?);
    while ((my $ended = waitpid -1, 1) > 0) { help() if $ended == $helper }
};

# One request to another VNFC over the connection that is kept to it. Dies when there is no answer in time.
sub ask {
    my ($to, $method, $path, $body, $timeout) = @_;
    for my $attempt (1, 2) {
        my $is_kept = defined $upstream{$to};
        my $socket = $upstream{$to} //= do {
            $connects++;
            IO::Socket::INET->new(PeerAddr => $to, Timeout => $timeout) or die "$to: $!\n";
        };
        my ($answer, $end) = ('', time + 1 + $timeout);
        my $select = IO::Select->new($socket);
        if (syswrite $socket, "$method $path HTTP/1.1\r\nHost: $to\r\nContent-Length: ${\length $body}\r\n\r\n$body") {
            while ($select->can_read($timeout) && time < $end) {
                last unless sysread $socket, $answer, 65536, length $answer;
                next unless $answer =~ /^HTTP\/1\.1 (\d+).*?Content-Length: (\d+)\r\n\r\n/s && length($answer) >= $+[0] + $2;
                return ($1, substr $answer, $+[0], $2);
            }
        }
        delete $upstream{$to};
        close $socket;
        # A kept connection may have been closed by the other side long ago.
        last unless $is_kept && $attempt == 1 && $answer eq '';
    }
    die "$to does not answer\n";
}

sub balance {
    my @request = @_;
    for (1 .. @workers) {
        my $worker = $workers[$turn++ % @workers];
        next if ($avoid{$worker} // 0) > time;
        my @answer = eval { ask($worker, @request, 0.4) };
        return @answer if @answer;
        $avoid{$worker} = time + 10;
    }
    return (503, 'no worker answers');
}

sub session {
    my ($method, $path, $key, $body) = @_;
    return balance($method, $path, $body) if $role eq 'lb';
    if ($role eq 'worker') {
        my @answer = eval { ask($ENV{STORE}, $method, $path, $body, 0.3) };
        return @answer ? @answer : (503, 'the store does not answer');
    }
    if ($method eq 'GET') {
        return defined $sessions{$key} ? (200, $sessions{$key}) : (404, 'no such session');
    }
    $sessions{$key} = $body;
    print $log "$key\n";
    return (200, 'kept');
}

sub handle {
    my ($method, $path, $body) = @_;
    return session($method, $path, $1, $body) if $path =~ m{^/sessions/([\w-]+)$};
    return (200, ++$counter)     if $path eq '/bump';
    return (200, $counter)       if $path eq '/counter';
    return (200, $connects)      if $path eq '/connects';
    return (200, $body)          if $path eq '/echo';
    return (200, time)           if $path eq '/time';
    return (200, 'ok')           if $path eq '/health';
    if ($path eq '/ping') {
        my ($status, $text) = eval { ask($body, 'GET', '/health', '', 0.8) };
        return defined $text ? (200, 'pong') : (502, "$@");
    }
    if ($path eq '/disk' && $method eq 'GET') {
        open my $file, '<', '/data/text' or return (404, "$!");
        return (200, scalar <$file> // '');
    }
    if ($path eq '/disk') {
        open my $file, '>', '/data/text' or return (507, "$!");
        return print($file $body) && close($file) ? (200, 'written') : (507, "$!");
    }
    return (404, 'not found');
}

my $server = IO::Socket::INET->new(LocalPort => 8080, Listen => 64, ReuseAddr => 1) or die "port 8080: $!";
my $select = IO::Select->new($server);
my %input;
print "$role is ready\n";
while (1) {
    for my $socket ($select->can_read) {
        if ($socket == $server) {
            my $client = $server->accept or next;
            $select->add($client);
            $input{$client} = '';
            next;
        }
        my $is_open = sysread $socket, $input{$socket}, 65536, length $input{$socket};
        while ($is_open && $input{$socket} =~ /^(\w+) (\S+) HTTP\/1\.[01]\r\n(.*?)\r\n\r\n/s) {
            my ($method, $path, $head, $start) = ($1, $2, $3, $+[0]);
            my $length = $head =~ /^content-length: *(\d+)/im ? $1 : 0;
            last if length($input{$socket}) < $start + $length;
            my ($status, $answer) = handle($method, $path, substr $input{$socket}, $start, $length);
            substr($input{$socket}, 0, $start + $length) = '';
            my $body = "$answer";
            $is_open = syswrite $socket, "HTTP/1.1 $status Status\r\nContent-Type: text/plain\r\nContent-Length: ${\length $body}\r\n\r\n$body";
        }
        next if $is_open;
        $select->remove($socket);
        delete $input{$socket};
        close $socket;
    }
}
