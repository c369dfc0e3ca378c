-- Undoes the table of nodes: only with every node stopped, since none could wait for another any more.
DROP TABLE nodes;
