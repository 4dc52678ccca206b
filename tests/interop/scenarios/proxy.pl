# A stateless proxy that knows neither Path nor outbound: it only passes on, with its Via and its Record-Route.
use strict;
use warnings;
use Net::SIP;
use Net::SIP::StatelessProxy;

$| = 1;
my $loop = Net::SIP::Dispatcher::Eventloop->new;
my $leg = Net::SIP::Leg->new(addr => $ARGV[0], port => $ARGV[1]);
my $dispatcher = Net::SIP::Dispatcher->new([$leg], $loop, do_retransmits => 0);

package Told;
our @ISA = ('Net::SIP::StatelessProxy');
sub receive {
    my ($self, $packet, @rest) = @_;
    print "passes: ", $packet->method, "\n" if $packet->is_request;
    return $self->SUPER::receive($packet, @rest);
}

package main;
$dispatcher->set_receiver(Told->new(dispatcher => $dispatcher));
print "ready\n";
$loop->loop;
