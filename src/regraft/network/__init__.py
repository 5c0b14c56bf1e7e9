"""The opened network, where it can be cut, and how a plan changes it."""

from regraft.network.flow import Cut as Cut
from regraft.network.graph import Body as Body
from regraft.network.graph import Graph as Graph
from regraft.network.graph import InputSpec as InputSpec
from regraft.network.graph import Node as Node
from regraft.network.graph import Ref as Ref
from regraft.network.graph import Slice as Slice
from regraft.network.graph import Switch as Switch
from regraft.network.graph import Training as Training
from regraft.network.network import GraphNetwork as GraphNetwork
from regraft.network.network import Parameter as Parameter
from regraft.network.plan import New as New
from regraft.network.plan import Plan as Plan
